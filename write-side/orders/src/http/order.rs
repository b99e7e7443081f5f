//! An order as the API shows it, and the problems of its commands.

use esteira_command_api::{Resource, not_found};
use esteira_events::{OrderId, OrderStatus, ProductId, Reservation, UserId};
use esteira_sql::{Money, Timestamp};
use esteira_web::{FieldError, Problem};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{Item, Order, OrderRejected, QUANTITY_MAX};
use crate::store::StoredOrder;

/// An order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Order)]
pub struct OrderBody {
    #[schema(example = 1)]
    pub id: OrderId,
    #[schema(example = 1)]
    pub user_id: UserId,
    pub status: OrderStatus,
    pub reservation: Reservation,
    pub total_amount: Money,
    pub items: Vec<ItemBody>,
    pub created_at: Timestamp,
    /// The order was paid when the platform had to cancel it.
    pub refund_due: bool,
}

/// A line of an order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderItem)]
pub struct ItemBody {
    pub order_id: OrderId,
    pub product_id: ProductId,
    #[schema(example = 2)]
    pub quantity: i64,
    pub unit_price: Money,
}

impl Resource for Order {
    type Body = OrderBody;

    fn body(id: i64, order: Self) -> OrderBody {
        let id = OrderId(id);
        let item = |item: Item| ItemBody {
            order_id: id,
            product_id: item.product_id,
            quantity: item.quantity,
            unit_price: item.unit_price,
        };
        OrderBody {
            id,
            user_id: order.user_id,
            status: order.status,
            reservation: order.reservation,
            total_amount: order.total_amount,
            items: order.items.into_iter().map(item).collect(),
            created_at: order.created_at,
            refund_due: order.refund_due,
        }
    }
}

impl From<StoredOrder> for OrderBody {
    fn from(stored: StoredOrder) -> Self {
        Order::body(stored.id.0, stored.order)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed over, as every service's rejection is")]
pub fn rejected(rejection: OrderRejected) -> Problem {
    match rejection {
        OrderRejected::NotFound { id } => not_found::<Order>(id.0),
        OrderRejected::UserNotFound { id } => {
            Problem::not_found("user_not_found", format!("there is no user {id}"))
                .with_field(FieldError::new("user_id", "names no user").with_value(id))
        }
        OrderRejected::ProductNotFound { line, id } => {
            Problem::not_found("product_not_found", format!("there is no product {id}"))
                .with_field(FieldError::new(of_line(line, "product_id"), "names no product").with_value(id))
        }
        OrderRejected::PriceDiffers { line, id, given, catalogue } => {
            let detail = format!("the price of product {id} is {catalogue}, not {given}");
            Problem::unprocessable("price_differs", detail).with_field(
                FieldError::new(of_line(line, "unit_price"), "must be the catalogue's or absent")
                    .with_value(given),
            )
        }
        OrderRejected::PricesDiffer { line, id, given } => {
            let message = format!("must be the same on every line of product {id}");
            Problem::invalid_field(of_line(line, "unit_price"), given, message)
        }
        OrderRejected::QuantityTooLarge { line, id, quantity, sum } => {
            let message =
                format!("must come to at most {QUANTITY_MAX} over all lines of product {id}, not to {sum}");
            Problem::invalid_field(of_line(line, "quantity"), quantity, message)
        }
        OrderRejected::TotalTooLarge => {
            Problem::invalid_field("items", (), "must come to at most 99999999.99 in all")
        }
        OrderRejected::CannotPay { status } => in_state("cannot_pay", "paid", status),
        OrderRejected::CannotCancel { status } => in_state("cannot_cancel", "canceled", status),
        OrderRejected::CannotBecome { status, wanted } => Problem::bad_request(
            "invalid_transition",
            format!("a {} order cannot become {}", status.as_str(), wanted.as_str()),
        )
        .with_field(FieldError::new("status", "is not reachable from the order's status").with_value(wanted)),
        OrderRejected::NotReserved { reservation } => {
            let detail =
                format!("the order's stock is {}, and PROCESSING needs RESERVED", reservation.as_str());
            Problem::bad_request("not_reserved", detail)
        }
        OrderRejected::NoRefundDue { id } => {
            Problem::conflict("no_refund_due", format!("no refund of order {id} is due"))
        }
        OrderRejected::NotDeletable { id, status } => {
            let detail = format!("order {id} is {}, and only a CANCELED one can be deleted", status.as_str());
            Problem::conflict("not_canceled", detail)
        }
        OrderRejected::RefundStillDue { id } => {
            Problem::conflict("refund_due", format!("a refund of order {id} is due"))
        }
    }
}

fn of_line(line: usize, field: &str) -> String {
    format!("items[{line}].{field}")
}

fn in_state(code: &'static str, done: &str, status: OrderStatus) -> Problem {
    Problem::bad_request(code, format!("a {} order cannot be {done}", status.as_str()))
}
