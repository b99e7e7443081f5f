//! Setting an order's status: the state machine behind `PUT /orders/{id}`.

use esteira_events::{OrderId, OrderStatus, Reservation};

use super::{CancelOrder, Order, OrderEvent, OrderRejected, PayOrder, cancel, pay};

/// Asks for a status.
#[derive(Clone, Debug)]
pub struct SetStatus {
    pub id: OrderId,
    pub status: OrderStatus,
}

/// Decides whether `order` may take the status. Its own again is no event; PAID and CANCELED are those commands.
pub fn set_status(order: &Order, command: &SetStatus) -> Result<Option<OrderEvent>, OrderRejected> {
    let (id, wanted) = (command.id, command.status);
    let refused = OrderRejected::CannotBecome { status: order.status, wanted };
    let advanced = |from| {
        if order.status == from {
            Ok(OrderEvent::Updated { status: wanted, reservation: order.reservation })
        } else {
            Err(refused)
        }
    };
    if order.status == wanted {
        return Ok(None);
    }
    match wanted {
        OrderStatus::Created => Err(OrderRejected::CannotBecome { status: order.status, wanted }),
        OrderStatus::Paid => pay(order, &PayOrder { id, payment_method: None }),
        OrderStatus::Processing
            if order.status == OrderStatus::Paid && order.reservation != Reservation::Reserved =>
        {
            Err(OrderRejected::NotReserved { reservation: order.reservation })
        }
        OrderStatus::Processing => advanced(OrderStatus::Paid),
        OrderStatus::Shipped => advanced(OrderStatus::Processing),
        OrderStatus::Delivered => advanced(OrderStatus::Shipped),
        OrderStatus::Canceled => {
            cancel(order, &CancelOrder { id, reason: "status set to CANCELED".to_owned() })
        }
    }
    .map(Some)
}

#[cfg(test)]
mod tests {
    use super::super::an_order;
    use super::*;

    fn allowed(from: OrderStatus, to: OrderStatus, reservation: Reservation) -> bool {
        set_status(&an_order(from, reservation), &SetStatus { id: OrderId(1), status: to }).is_ok()
    }

    #[test]
    fn exactly_the_transitions_of_the_state_machine_are_allowed() {
        use OrderStatus::{Canceled, Created, Delivered, Paid, Processing, Shipped};
        let transitions = [
            (Created, Paid),
            (Paid, Processing),
            (Processing, Shipped),
            (Shipped, Delivered),
            (Created, Canceled),
        ];
        for from in OrderStatus::ALL {
            for to in OrderStatus::ALL {
                let expected = from == to || transitions.contains(&(from, to));
                assert_eq!(allowed(from, to, Reservation::Reserved), expected, "{from:?} → {to:?}");
            }
        }
    }

    #[test]
    fn processing_needs_the_reservation() {
        assert!(!allowed(OrderStatus::Paid, OrderStatus::Processing, Reservation::Pending));
    }

    #[test]
    fn the_same_status_again_is_no_event() {
        let order = an_order(OrderStatus::Shipped, Reservation::Reserved);
        assert_eq!(set_status(&order, &SetStatus { id: OrderId(1), status: OrderStatus::Shipped }), Ok(None));
    }
}
