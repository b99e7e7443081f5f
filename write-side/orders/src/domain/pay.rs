//! Paying an order.

use esteira_events::{OrderId, OrderStatus};

use super::{Order, OrderEvent, OrderRejected};

/// Pays an order.
#[derive(Clone, Debug)]
pub struct PayOrder {
    pub id: OrderId,
    pub payment_method: Option<String>,
}

/// Decides whether `order` may be paid: only while it is CREATED.
pub fn pay(order: &Order, command: &PayOrder) -> Result<OrderEvent, OrderRejected> {
    match order.status {
        OrderStatus::Created => Ok(OrderEvent::Paid { payment_method: command.payment_method.clone() }),
        OrderStatus::Paid
        | OrderStatus::Processing
        | OrderStatus::Shipped
        | OrderStatus::Delivered
        | OrderStatus::Canceled => Err(OrderRejected::CannotPay { status: order.status }),
    }
}

#[cfg(test)]
mod tests {
    use esteira_events::Reservation;

    use super::super::an_order;
    use super::*;

    #[test]
    fn only_a_created_order_can_be_paid() {
        for status in OrderStatus::ALL {
            let command = PayOrder { id: OrderId(1), payment_method: Some("pix".into()) };
            let decided = pay(&an_order(status, Reservation::Pending), &command);
            assert_eq!(decided.is_ok(), status == OrderStatus::Created, "{status:?}");
        }
    }
}
