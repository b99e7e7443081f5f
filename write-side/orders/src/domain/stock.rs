//! What the stock decides about an order.

use esteira_events::{OrderId, OrderStatus, Reservation};

use super::{Order, OrderEvent};

/// The stock's answer to a new order.
#[derive(Clone, Debug)]
pub struct StockDecision {
    pub id: OrderId,
    pub reserved: bool,
    /// Why not, for the order's `cancel_reason`.
    pub reason: String,
}

/// Decides what the stock's answer means. An order with three products hears of its reservation three times, and
/// a cancelled one may hear of it late: both are no event.
pub fn stock_decided(order: &Order, decision: &StockDecision) -> Option<OrderEvent> {
    let pending = order.reservation == Reservation::Pending;
    match (order.status, decision.reserved) {
        // What is on its way was reserved: a rejection that comes now is not about it.
        (OrderStatus::Canceled, _)
        | (OrderStatus::Processing | OrderStatus::Shipped | OrderStatus::Delivered, false) => None,
        (status, true) => {
            pending.then_some(OrderEvent::Updated { status, reservation: Reservation::Reserved })
        }
        (OrderStatus::Created, false) => Some(rejected(order, decision, false)),
        (OrderStatus::Paid, false) => Some(rejected(order, decision, true)),
    }
}

/// Go's product side may cancel an order whose stock we have reserved: then that stays what it is, to be released.
fn rejected(order: &Order, decision: &StockDecision, refund_due: bool) -> OrderEvent {
    let reservation = (order.reservation != Reservation::Reserved).then_some(Reservation::Rejected);
    OrderEvent::Canceled { reason: decision.reason.clone(), refund_due, reservation }
}

#[cfg(test)]
mod tests {
    use super::super::an_order;
    use super::*;

    fn decided(status: OrderStatus, reservation: Reservation, reserved: bool) -> Option<OrderEvent> {
        let decision = StockDecision { id: OrderId(1), reserved, reason: "out of stock".into() };
        stock_decided(&an_order(status, reservation), &decision)
    }

    #[test]
    fn a_reservation_is_recorded_once() {
        let reserved = OrderEvent::Updated { status: OrderStatus::Paid, reservation: Reservation::Reserved };
        assert_eq!(decided(OrderStatus::Paid, Reservation::Pending, true), Some(reserved));
        assert_eq!(decided(OrderStatus::Paid, Reservation::Reserved, true), None);
    }

    #[test]
    fn a_rejected_order_is_cancelled_and_a_paid_one_refunded() {
        for (status, refund) in [(OrderStatus::Created, false), (OrderStatus::Paid, true)] {
            let Some(OrderEvent::Canceled { refund_due, reservation, .. }) =
                decided(status, Reservation::Pending, false)
            else {
                panic!("not cancelled")
            };
            assert_eq!((refund_due, reservation), (refund, Some(Reservation::Rejected)));
        }
    }

    #[test]
    fn a_cancelled_order_hears_nothing() {
        assert_eq!(decided(OrderStatus::Canceled, Reservation::Pending, true), None);
        assert_eq!(decided(OrderStatus::Canceled, Reservation::Pending, false), None);
    }
}
