//! Orders follow the stock.

use esteira_events::{Event, EventType, Payload};
use esteira_reactions::React;

use crate::domain::StockDecision;
use crate::service::{OrderChange, OrderCommand, Orders};

impl React for Orders {
    const GROUP: &'static str = "order-consumer";
    const EVENTS: &'static [EventType] =
        &[EventType::StockReserved, EventType::StockRejected, EventType::OrderCanceled];

    fn react(event: &Event) -> Option<OrderCommand> {
        let decision = if let Payload::StockReserved(moved) = &event.payload {
            StockDecision { id: moved.order_id, reserved: true, reason: String::new() }
        } else if let Payload::StockRejected(rejected) = &event.payload {
            let short: Vec<String> = rejected
                .items
                .iter()
                .map(|item| {
                    format!("product {}: {} wanted, {} left", item.product_id, item.requested, item.available)
                })
                .collect();
            StockDecision {
                id: rejected.order_id,
                reserved: false,
                reason: format!("stock could not be reserved ({})", short.join("; ")),
            }
        } else if let (Payload::OrderCanceled(canceled), None) = (&event.payload, event.meta.sequence) {
            // Go's product side cancels by event alone, without touching MySQL; our own cancellations carry a sequence.
            StockDecision { id: canceled.order_id, reserved: false, reason: canceled.reason.clone() }
        } else {
            return None;
        };
        Some(OrderCommand::Change(OrderChange::StockDecided(decision)))
    }
}
