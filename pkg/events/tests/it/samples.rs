//! One event of every type, with every field that there is and with none that may be absent.

use esteira_events::{
    Event, EventMeta, EventType, ItemData, OrderCanceled, OrderCreated, OrderData, OrderDeleted, OrderId,
    OrderPaid, OrderStatus, OrderUpdated, Payload, ProductChanged, ProductData, ProductDeleted, ProductId,
    Reservation, Shortage, Skipped, SkippedEvent, StockMoved, StockRejected, UserChanged, UserData,
    UserDeleted, UserId,
};
use esteira_sql::{Money, Timestamp};
use uuid::Uuid;

/// An event with the golden file that it is.
pub(crate) struct Sample {
    /// `<event type>` or, without its optional fields, `<event type>.least`; `skipped` is of any type.
    pub(crate) name: String,
    pub(crate) event: Event,
}

pub(crate) fn all() -> Vec<Sample> {
    let full =
        EventType::ALL.iter().map(|event_type| sample(event_type.to_string(), payload(*event_type, true)));
    let least = EventType::ALL
        .iter()
        .filter(|event_type| payload(**event_type, false) != payload(**event_type, true));
    full.chain(least.map(|event_type| sample(format!("{event_type}.least"), payload(*event_type, false))))
        .chain([skipped(EventType::OrderPaid)])
        .collect()
}

/// What stands in the place of an event of that type that an operator gave up.
pub(crate) fn skipped(event_type: EventType) -> Sample {
    let reason = "made by a faulty import".to_owned();
    let skipped = SkippedEvent { event_type, aggregate_id: 7, reason };
    sample("skipped".to_owned(), Payload::Skipped(Skipped { skipped }))
}

fn sample(name: String, payload: Payload) -> Sample {
    let meta = EventMeta {
        event_id: Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0001),
        occurred_at: Timestamp::from_millis(1_795_351_380_990).unwrap(),
        sequence: Some(3),
        schema_version: 1,
    };
    Sample { name, event: Event { meta, payload } }
}

fn cents(cents: i64) -> Money {
    Money::from_cents(cents).unwrap()
}

fn user(full: bool) -> UserData {
    UserData {
        id: UserId(1),
        name: "Ana Souza".to_owned(),
        email: "ana@example.com".to_owned(),
        version: full.then_some(3),
    }
}

fn product() -> ProductData {
    ProductData { id: ProductId(2), name: "Mouse".to_owned(), price: cents(8_990), stock: 5 }
}

fn stock_moved(full: bool) -> StockMoved {
    StockMoved { order_id: OrderId(7), product_id: ProductId(2), quantity: 2, stock: full.then_some(3) }
}

fn order(full: bool) -> OrderData {
    OrderData {
        id: OrderId(7),
        user_id: UserId(1),
        status: OrderStatus::Created,
        total_amount: cents(17_980),
        items: vec![ItemData {
            product_id: ProductId(2),
            quantity: 2,
            unit_price: cents(8_990),
            product: full.then(product),
        }],
        user: full.then(|| user(true)),
    }
}

fn payload(event_type: EventType, full: bool) -> Payload {
    let order_id = OrderId(7);
    match event_type {
        EventType::UserCreated => Payload::UserCreated(UserChanged { user: user(full) }),
        EventType::UserUpdated => Payload::UserUpdated(UserChanged { user: user(full) }),
        EventType::UserDeleted => Payload::UserDeleted(UserDeleted { user_id: UserId(1) }),
        EventType::ProductCreated => Payload::ProductCreated(ProductChanged { product: product() }),
        EventType::ProductUpdated => Payload::ProductUpdated(ProductChanged { product: product() }),
        EventType::ProductDeleted => Payload::ProductDeleted(ProductDeleted { product_id: ProductId(2) }),
        EventType::StockReserved => Payload::StockReserved(stock_moved(full)),
        EventType::StockReleased => Payload::StockReleased(stock_moved(full)),
        EventType::StockRejected => Payload::StockRejected(StockRejected {
            order_id,
            items: vec![Shortage { product_id: ProductId(2), requested: 2, available: 1 }],
        }),
        EventType::OrderCreated => Payload::OrderCreated(OrderCreated { order: order(full) }),
        EventType::OrderUpdated => Payload::OrderUpdated(OrderUpdated {
            order_id,
            status: OrderStatus::Processing,
            reservation: full.then_some(Reservation::Reserved),
            refund_due: full.then_some(false),
            refund_reference: full.then(|| "R-1".to_owned()),
        }),
        EventType::OrderPaid => {
            Payload::OrderPaid(OrderPaid { order_id, payment_method: full.then(|| "PIX".to_owned()) })
        }
        EventType::OrderCanceled => Payload::OrderCanceled(OrderCanceled {
            order_id,
            reason: "changed mind".to_owned(),
            refund_due: full.then_some(true),
            reservation: full.then_some(Reservation::Rejected),
        }),
        EventType::OrderDeleted => Payload::OrderDeleted(OrderDeleted { order_id }),
    }
}
