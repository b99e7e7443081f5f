//! Event types, the envelope, topics and headers: what CONTRACTS.md fixes of the event log.

mod asyncapi;
mod event;
mod ids;
mod payload;
mod topics;

pub use asyncapi::asyncapi;
pub use event::{DecodeError, Event, EventMeta, SCHEMA_VERSION};
pub use ids::{OrderId, ProductId, UserId};
pub use payload::{
    ItemData, OrderCanceled, OrderCreated, OrderData, OrderDeleted, OrderPaid, OrderStatus, OrderUpdated,
    Payload, ProductChanged, ProductData, ProductDeleted, Reservation, Shortage, Skipped, SkippedEvent,
    StockMoved, StockRejected, UserChanged, UserData, UserDeleted,
};
pub use topics::{AggregateKind, EventType, Topics};
