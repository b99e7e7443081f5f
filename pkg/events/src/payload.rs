//! The fields of each event beside its envelope, as CONTRACTS.md lists them.

use esteira_sql::Money;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::{EventType, OrderId, ProductId, UserId};

/// A user as events and views show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserData {
    pub id: UserId,
    pub name: String,
    pub email: String,
    /// The user's version when the event was made. Absent in Go's events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
}

impl UserData {
    /// What stands in the place of a name that was erased.
    pub const ERASED_NAME: &str = "erased";

    /// What stands in the place of the email of a user that was erased: nobody can have it (RFC 2606).
    pub fn erased_email(id: UserId) -> String {
        format!("erased-{}@erased.invalid", id.0)
    }
}

/// A product as events and views show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProductData {
    pub id: ProductId,
    pub name: String,
    #[serde(deserialize_with = "nearest")]
    pub price: Money,
    pub stock: i64,
}

/// The states of an order, in the order of their rank; `Canceled` is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum OrderStatus {
    Created,
    Paid,
    Processing,
    Shipped,
    Delivered,
    Canceled,
}

impl OrderStatus {
    pub const ALL: [Self; 6] =
        [Self::Created, Self::Paid, Self::Processing, Self::Shipped, Self::Delivered, Self::Canceled];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Paid => "PAID",
            Self::Processing => "PROCESSING",
            Self::Shipped => "SHIPPED",
            Self::Delivered => "DELIVERED",
            Self::Canceled => "CANCELED",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// How an order stands with the stock; of a cancelled one, how it stood then: what was reserved is released.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Reservation {
    #[default]
    Pending,
    Reserved,
    Rejected,
}

impl Reservation {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Reserved => "RESERVED",
            Self::Rejected => "REJECTED",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Reserved, Self::Rejected].into_iter().find(|state| state.as_str() == text)
    }
}

/// A line of an order, with the product as it was when the order was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ItemData {
    pub product_id: ProductId,
    pub quantity: i64,
    #[serde(deserialize_with = "nearest")]
    pub unit_price: Money,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<ProductData>,
}

/// A new order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderData {
    pub id: OrderId,
    pub user_id: UserId,
    pub status: OrderStatus,
    #[serde(deserialize_with = "nearest")]
    pub total_amount: Money,
    pub items: Vec<ItemData>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserData>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserChanged {
    pub user: UserData,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserDeleted {
    pub user_id: UserId,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProductChanged {
    pub product: ProductData,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProductDeleted {
    pub product_id: ProductId,
}

/// `stock.reserved` and `stock.released`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StockMoved {
    pub order_id: OrderId,
    pub product_id: ProductId,
    pub quantity: i64,
    /// What is left. Absent in Go's events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<i64>,
}

/// What an order asked for and the stock could not give.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Shortage {
    pub product_id: ProductId,
    pub requested: i64,
    pub available: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StockRejected {
    pub order_id: OrderId,
    pub items: Vec<Shortage>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderCreated {
    pub order: OrderData,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderUpdated {
    pub order_id: OrderId,
    pub status: OrderStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservation: Option<Reservation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_due: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_reference: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderPaid {
    pub order_id: OrderId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_method: Option<String>,
}

/// With `reservation: REJECTED` the platform cancelled it, because the stock could not be reserved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderCanceled {
    pub order_id: OrderId,
    #[serde(default)]
    pub reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_due: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservation: Option<Reservation>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderDeleted {
    pub order_id: OrderId,
}

/// The place in its aggregate's sequence of an event that an operator gave up: it changes nothing, and what follows it
/// goes on. It stands on the topic of the event that it replaces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Skipped {
    pub skipped: SkippedEvent,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SkippedEvent {
    /// Told by the topic.
    #[serde(skip, default = "unknown")]
    pub event_type: EventType,
    pub aggregate_id: i64,
    pub reason: String,
}

/// Replaced by what the topic says before anybody sees it.
fn unknown() -> EventType {
    EventType::OrderUpdated
}

/// One event's fields, by type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Payload {
    UserCreated(UserChanged),
    UserUpdated(UserChanged),
    UserDeleted(UserDeleted),
    ProductCreated(ProductChanged),
    ProductUpdated(ProductChanged),
    ProductDeleted(ProductDeleted),
    StockReserved(StockMoved),
    StockReleased(StockMoved),
    StockRejected(StockRejected),
    OrderCreated(OrderCreated),
    OrderUpdated(OrderUpdated),
    OrderPaid(OrderPaid),
    OrderCanceled(OrderCanceled),
    OrderDeleted(OrderDeleted),
    Skipped(Skipped),
}

impl Payload {
    pub fn event_type(&self) -> EventType {
        match self {
            Self::UserCreated(_) => EventType::UserCreated,
            Self::UserUpdated(_) => EventType::UserUpdated,
            Self::UserDeleted(_) => EventType::UserDeleted,
            Self::ProductCreated(_) => EventType::ProductCreated,
            Self::ProductUpdated(_) => EventType::ProductUpdated,
            Self::ProductDeleted(_) => EventType::ProductDeleted,
            Self::StockReserved(_) => EventType::StockReserved,
            Self::StockReleased(_) => EventType::StockReleased,
            Self::StockRejected(_) => EventType::StockRejected,
            Self::OrderCreated(_) => EventType::OrderCreated,
            Self::OrderUpdated(_) => EventType::OrderUpdated,
            Self::OrderPaid(_) => EventType::OrderPaid,
            Self::OrderCanceled(_) => EventType::OrderCanceled,
            Self::OrderDeleted(_) => EventType::OrderDeleted,
            Self::Skipped(event) => event.skipped.event_type,
        }
    }

    /// The id of the aggregate, which is the record's key.
    pub fn aggregate_id(&self) -> i64 {
        match self {
            Self::UserCreated(event) | Self::UserUpdated(event) => event.user.id.0,
            Self::UserDeleted(event) => event.user_id.0,
            Self::ProductCreated(event) | Self::ProductUpdated(event) => event.product.id.0,
            Self::ProductDeleted(event) => event.product_id.0,
            Self::StockReserved(event) | Self::StockReleased(event) => event.product_id.0,
            Self::StockRejected(event) => event.order_id.0,
            Self::OrderCreated(event) => event.order.id.0,
            Self::OrderUpdated(event) => event.order_id.0,
            Self::OrderPaid(event) => event.order_id.0,
            Self::OrderCanceled(event) => event.order_id.0,
            Self::OrderDeleted(event) => event.order_id.0,
            Self::Skipped(event) => event.skipped.aggregate_id,
        }
    }

    pub(crate) fn decode(event_type: EventType, value: &[u8]) -> serde_json::Result<Self> {
        Self::of_type(event_type, value).or_else(|error| match serde_json::from_slice::<Skipped>(value) {
            Ok(Skipped { skipped }) => {
                Ok(Self::Skipped(Skipped { skipped: SkippedEvent { event_type, ..skipped } }))
            }
            Err(_) => Err(error),
        })
    }

    fn of_type(event_type: EventType, value: &[u8]) -> serde_json::Result<Self> {
        Ok(match event_type {
            EventType::UserCreated => Self::UserCreated(serde_json::from_slice(value)?),
            EventType::UserUpdated => Self::UserUpdated(serde_json::from_slice(value)?),
            EventType::UserDeleted => Self::UserDeleted(serde_json::from_slice(value)?),
            EventType::ProductCreated => Self::ProductCreated(serde_json::from_slice(value)?),
            EventType::ProductUpdated => Self::ProductUpdated(serde_json::from_slice(value)?),
            EventType::ProductDeleted => Self::ProductDeleted(serde_json::from_slice(value)?),
            EventType::StockReserved => Self::StockReserved(serde_json::from_slice(value)?),
            EventType::StockReleased => Self::StockReleased(serde_json::from_slice(value)?),
            EventType::StockRejected => Self::StockRejected(serde_json::from_slice(value)?),
            EventType::OrderCreated => Self::OrderCreated(serde_json::from_slice(value)?),
            EventType::OrderUpdated => Self::OrderUpdated(serde_json::from_slice(value)?),
            EventType::OrderPaid => Self::OrderPaid(serde_json::from_slice(value)?),
            EventType::OrderCanceled => Self::OrderCanceled(serde_json::from_slice(value)?),
            EventType::OrderDeleted => Self::OrderDeleted(serde_json::from_slice(value)?),
        })
    }
}

/// Go computes amounts in doubles, so an event of its may be a fraction of a cent off.
fn nearest<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Money, D::Error> {
    Money::nearest(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}
