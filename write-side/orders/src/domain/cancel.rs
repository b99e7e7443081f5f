//! Cancelling an order.

use esteira_events::{OrderId, OrderStatus};

use super::{Order, OrderEvent, OrderRejected};

/// Cancels an order at the client's wish.
#[derive(Clone, Debug)]
pub struct CancelOrder {
    pub id: OrderId,
    pub reason: String,
}

/// Decides whether `order` may be cancelled: only while it is CREATED.
pub fn cancel(order: &Order, command: &CancelOrder) -> Result<OrderEvent, OrderRejected> {
    match order.status {
        OrderStatus::Created => {
            Ok(OrderEvent::Canceled { reason: command.reason.clone(), refund_due: false, reservation: None })
        }
        OrderStatus::Paid
        | OrderStatus::Processing
        | OrderStatus::Shipped
        | OrderStatus::Delivered
        | OrderStatus::Canceled => Err(OrderRejected::CannotCancel { status: order.status }),
    }
}

#[cfg(test)]
mod tests {
    use esteira_events::Reservation;

    use super::super::an_order;
    use super::*;

    #[test]
    fn only_a_created_order_can_be_cancelled() {
        for status in OrderStatus::ALL {
            let command = CancelOrder { id: OrderId(1), reason: "changed mind".into() };
            let decided = cancel(&an_order(status, Reservation::Reserved), &command);
            assert_eq!(decided.is_ok(), status == OrderStatus::Created, "{status:?}");
        }
    }
}
