//! Deleting an order.

use esteira_events::{OrderId, OrderStatus};

use super::{Order, OrderEvent, OrderRejected};

/// Deletes an order.
#[derive(Clone, Debug)]
pub struct DeleteOrder {
    pub id: OrderId,
}

/// Decides whether `order` may be deleted: only when it is cancelled, and nobody waits for a refund.
pub fn delete(order: &Order, command: &DeleteOrder) -> Result<OrderEvent, OrderRejected> {
    match order.status {
        OrderStatus::Canceled if order.refund_due => Err(OrderRejected::RefundStillDue { id: command.id }),
        OrderStatus::Canceled => Ok(OrderEvent::Deleted),
        OrderStatus::Created
        | OrderStatus::Paid
        | OrderStatus::Processing
        | OrderStatus::Shipped
        | OrderStatus::Delivered => Err(OrderRejected::NotDeletable { id: command.id, status: order.status }),
    }
}
