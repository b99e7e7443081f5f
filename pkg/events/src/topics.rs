//! A topic per event type, each with its dead letter queue.

use std::fmt;
use std::str::FromStr;

use crate::{DecodeError, Event};

/// What an event happened to; the first part of its key in the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AggregateKind {
    User,
    Product,
    Order,
    /// A reservation has the id of its order and a sequence of its own.
    Reservation,
}

impl AggregateKind {
    pub const ALL: [Self; 4] = [Self::User, Self::Product, Self::Order, Self::Reservation];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Product => "product",
            Self::Order => "order",
            Self::Reservation => "reservation",
        }
    }
}

impl fmt::Display for AggregateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for AggregateKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| format!("unknown aggregate {text:?}"))
    }
}

/// The type of an event, which is also the name of its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventType {
    UserCreated,
    UserUpdated,
    UserDeleted,
    ProductCreated,
    ProductUpdated,
    ProductDeleted,
    StockReserved,
    StockReleased,
    StockRejected,
    OrderCreated,
    OrderUpdated,
    OrderPaid,
    OrderCanceled,
    OrderDeleted,
}

impl EventType {
    pub const ALL: [Self; 14] = [
        Self::UserCreated,
        Self::UserUpdated,
        Self::UserDeleted,
        Self::ProductCreated,
        Self::ProductUpdated,
        Self::ProductDeleted,
        Self::StockReserved,
        Self::StockReleased,
        Self::StockRejected,
        Self::OrderCreated,
        Self::OrderUpdated,
        Self::OrderPaid,
        Self::OrderCanceled,
        Self::OrderDeleted,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::UserCreated => "user.created",
            Self::UserUpdated => "user.updated",
            Self::UserDeleted => "user.deleted",
            Self::ProductCreated => "product.created",
            Self::ProductUpdated => "product.updated",
            Self::ProductDeleted => "product.deleted",
            Self::StockReserved => "stock.reserved",
            Self::StockReleased => "stock.released",
            Self::StockRejected => "stock.rejected",
            Self::OrderCreated => "order.created",
            Self::OrderUpdated => "order.updated",
            Self::OrderPaid => "order.paid",
            Self::OrderCanceled => "order.canceled",
            Self::OrderDeleted => "order.deleted",
        }
    }

    /// The aggregate whose sequence the event carries.
    pub fn aggregate(self) -> AggregateKind {
        match self {
            Self::UserCreated | Self::UserUpdated | Self::UserDeleted => AggregateKind::User,
            Self::ProductCreated
            | Self::ProductUpdated
            | Self::ProductDeleted
            | Self::StockReserved
            | Self::StockReleased => AggregateKind::Product,
            Self::StockRejected => AggregateKind::Reservation,
            Self::OrderCreated
            | Self::OrderUpdated
            | Self::OrderPaid
            | Self::OrderCanceled
            | Self::OrderDeleted => AggregateKind::Order,
        }
    }

    /// Whether the event starts its aggregate: an unsequenced one counts as sequence 1.
    pub fn is_creation(self) -> bool {
        matches!(self, Self::UserCreated | Self::ProductCreated | Self::OrderCreated)
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EventType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|event| event.as_str() == text)
            .ok_or_else(|| format!("unknown event type {text:?}"))
    }
}

/// The names of the topics: an event type behind a prefix, which is empty but for tests and shared clusters.
#[derive(Clone, Debug, Default)]
pub struct Topics {
    prefix: String,
}

impl Topics {
    pub fn with_prefix(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into() }
    }

    pub fn name(&self, event: EventType) -> String {
        format!("{}{event}", self.prefix)
    }

    pub fn names(&self, events: &[EventType]) -> Vec<String> {
        events.iter().map(|event| self.name(*event)).collect()
    }

    /// The event type that `topic` carries, if it is one of ours.
    pub fn event_type(&self, topic: &str) -> Option<EventType> {
        topic.strip_prefix(self.prefix.as_str())?.parse().ok()
    }

    /// Reads the event that a record of `topic` carries.
    pub fn decode(&self, topic: &str, value: Option<&[u8]>) -> Result<Event, DecodeError> {
        let event_type = self.event_type(topic).ok_or_else(|| DecodeError::UnknownTopic(topic.to_owned()))?;
        Event::decode(event_type, value)
    }

    pub fn dead_letters(topic: &str) -> String {
        format!("{topic}.dlq")
    }
}
