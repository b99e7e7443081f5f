//! Refunding an order that the platform cancelled after it was paid.

use esteira_events::OrderId;

use super::{Order, OrderEvent, OrderRejected};

/// Records that the payment was given back.
#[derive(Clone, Debug)]
pub struct RefundOrder {
    pub id: OrderId,
    pub reference: Option<String>,
}

/// Decides whether a refund may be recorded: where one is due, and so once.
pub fn refund(order: &Order, command: &RefundOrder) -> Result<OrderEvent, OrderRejected> {
    if !order.refund_due {
        return Err(OrderRejected::NoRefundDue { id: command.id });
    }
    Ok(OrderEvent::Refunded {
        status: order.status,
        reservation: order.reservation,
        reference: command.reference.clone(),
    })
}
