//! An order: state, events, rejections.

mod cancel;
mod create;
mod delete;
mod pay;
mod refund;
mod set_status;
mod stock;

use esteira_aggregate::Aggregate;
use esteira_events::{
    AggregateKind, ItemData, OrderCanceled, OrderCreated, OrderData, OrderDeleted, OrderId, OrderPaid,
    OrderStatus, OrderUpdated, Payload, ProductId, Reservation, UserData, UserId,
};
use esteira_sql::{Money, Timestamp};
use serde::{Deserialize, Serialize};

pub use cancel::{CancelOrder, cancel};
pub use create::{CreateOrder, NewItem, PricePolicy, QUANTITY_MAX, create};
pub use delete::{DeleteOrder, delete};
pub use pay::{PayOrder, pay};
pub use refund::{RefundOrder, refund};
pub use set_status::{SetStatus, set_status};
pub use stock::{StockDecision, stock_decided};

/// An order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub user_id: UserId,
    pub status: OrderStatus,
    pub reservation: Reservation,
    pub total_amount: Money,
    pub items: Vec<Item>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub payment_method: Option<String>,
    pub paid_at: Option<Timestamp>,
    pub canceled_at: Option<Timestamp>,
    pub cancel_reason: Option<String>,
    /// The order was paid when the platform had to cancel it.
    pub refund_due: bool,
    pub refund_reference: Option<String>,
}

/// A line of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    pub product_id: ProductId,
    pub quantity: i64,
    pub unit_price: Money,
}

/// What happens to an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderEvent {
    /// With user and products as they were.
    Created {
        user: UserData,
        items: Vec<ItemData>,
        total: Money,
    },
    Updated {
        status: OrderStatus,
        reservation: Reservation,
    },
    Paid {
        payment_method: Option<String>,
    },
    /// `reservation` where the platform cancels for want of stock.
    Canceled {
        reason: String,
        refund_due: bool,
        reservation: Option<Reservation>,
    },
    Refunded {
        status: OrderStatus,
        reservation: Reservation,
        reference: Option<String>,
    },
    Deleted,
}

/// Why a command was refused. `line` is the index of an order's line; what was kept for an `Idempotency-Key` by an earlier
/// version has none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderRejected {
    NotFound {
        id: OrderId,
    },
    UserNotFound {
        id: UserId,
    },
    ProductNotFound {
        #[serde(default)]
        line: usize,
        id: ProductId,
    },
    /// The client's price is not the catalogue's (`PRICE_POLICY=catalog`).
    PriceDiffers {
        #[serde(default)]
        line: usize,
        id: ProductId,
        given: Money,
        catalogue: Money,
    },
    /// The same product stands on two lines with two prices.
    PricesDiffer {
        line: usize,
        id: ProductId,
        given: Money,
    },
    /// The lines of a product come to more than one can have.
    QuantityTooLarge {
        line: usize,
        id: ProductId,
        quantity: i64,
        sum: i64,
    },
    TotalTooLarge,
    CannotPay {
        status: OrderStatus,
    },
    CannotCancel {
        status: OrderStatus,
    },
    CannotBecome {
        status: OrderStatus,
        wanted: OrderStatus,
    },
    /// PAID → PROCESSING needs a reservation.
    NotReserved {
        reservation: Reservation,
    },
    NoRefundDue {
        id: OrderId,
    },
    NotDeletable {
        id: OrderId,
        status: OrderStatus,
    },
    RefundStillDue {
        id: OrderId,
    },
}

impl Aggregate for Order {
    const KIND: AggregateKind = AggregateKind::Order;
    type Event = OrderEvent;

    fn evolve(state: Option<Self>, event: &OrderEvent, at: Timestamp) -> Option<Self> {
        if let OrderEvent::Created { user, items, total } = event {
            return Some(Self::created(user, items, *total, at));
        }
        let mut order = Self { updated_at: at, ..state? };
        match event {
            OrderEvent::Created { .. } => {}
            OrderEvent::Updated { status, reservation } => {
                order.status = *status;
                order.reservation = *reservation;
            }
            OrderEvent::Paid { payment_method } => {
                order.status = OrderStatus::Paid;
                order.paid_at = Some(at);
                order.payment_method.clone_from(payment_method);
            }
            OrderEvent::Canceled { reason, refund_due, reservation } => {
                order.status = OrderStatus::Canceled;
                order.canceled_at = Some(at);
                order.cancel_reason = Some(reason.clone());
                order.refund_due = *refund_due;
                order.reservation = reservation.unwrap_or(order.reservation);
            }
            OrderEvent::Refunded { reference, .. } => {
                order.refund_due = false;
                order.refund_reference.clone_from(reference);
            }
            OrderEvent::Deleted => return None,
        }
        Some(order)
    }

    fn payload(id: i64, event: &OrderEvent) -> Payload {
        let order_id = OrderId(id);
        match event {
            OrderEvent::Created { user, items, total } => Payload::OrderCreated(OrderCreated {
                order: OrderData {
                    id: order_id,
                    user_id: user.id,
                    status: OrderStatus::Created,
                    total_amount: *total,
                    items: items.clone(),
                    user: Some(user.clone()),
                },
            }),
            OrderEvent::Updated { status, reservation } => Payload::OrderUpdated(OrderUpdated {
                order_id,
                status: *status,
                reservation: Some(*reservation),
                refund_due: None,
                refund_reference: None,
            }),
            OrderEvent::Refunded { status, reservation, reference } => Payload::OrderUpdated(OrderUpdated {
                order_id,
                status: *status,
                reservation: Some(*reservation),
                refund_due: Some(false),
                refund_reference: reference.clone(),
            }),
            OrderEvent::Paid { payment_method } => {
                Payload::OrderPaid(OrderPaid { order_id, payment_method: payment_method.clone() })
            }
            OrderEvent::Canceled { reason, refund_due, reservation } => {
                Payload::OrderCanceled(OrderCanceled {
                    order_id,
                    reason: reason.clone(),
                    refund_due: Some(*refund_due),
                    reservation: *reservation,
                })
            }
            OrderEvent::Deleted => Payload::OrderDeleted(OrderDeleted { order_id }),
        }
    }
}

impl Order {
    fn created(user: &UserData, items: &[ItemData], total: Money, at: Timestamp) -> Self {
        let item = |item: &ItemData| Item {
            product_id: item.product_id,
            quantity: item.quantity,
            unit_price: item.unit_price,
        };
        Self {
            user_id: user.id,
            status: OrderStatus::Created,
            reservation: Reservation::Pending,
            total_amount: total,
            items: items.iter().map(item).collect(),
            created_at: at,
            updated_at: at,
            payment_method: None,
            paid_at: None,
            canceled_at: None,
            cancel_reason: None,
            refund_due: false,
            refund_reference: None,
        }
    }
}

#[cfg(test)]
pub(crate) fn an_order(status: OrderStatus, reservation: Reservation) -> Order {
    let now = Timestamp::now();
    let user =
        UserData { id: UserId(1), name: "Ana".into(), email: "ana@example.com".into(), version: Some(1) };
    Order { status, reservation, ..Order::created(&user, &[], Money::ZERO, now) }
}
