//! Orders reserve stock, cancellations release it.

use esteira_events::{Event, EventType, Payload};
use esteira_reactions::React;

use crate::domain::{Line, ReleaseStock, ReserveStock};
use crate::service::{ProductCommand, Products};

impl React for Products {
    const GROUP: &'static str = "product-consumer";
    const EVENTS: &'static [EventType] = &[EventType::OrderCreated, EventType::OrderCanceled];

    fn react(event: &Event) -> Option<ProductCommand> {
        let command = if let Payload::OrderCreated(created) = &event.payload {
            let items = &created.order.items;
            let items = items
                .iter()
                .map(|item| Line { product_id: item.product_id, quantity: item.quantity })
                .collect();
            ProductCommand::Reserve(ReserveStock { order_id: created.order.id, items })
        } else if let Payload::OrderCanceled(canceled) = &event.payload {
            ProductCommand::Release(ReleaseStock { order_id: canceled.order_id })
        } else {
            return None;
        };
        Some(command)
    }
}
