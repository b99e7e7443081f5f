//! Events and the records that carry them.

use std::sync::atomic::{AtomicI64, Ordering};

use esteira_bus::{Header, NewRecord, Record};
use esteira_events::{
    Event, EventMeta, ItemData, OrderCanceled, OrderCreated, OrderData, OrderDeleted, OrderId, OrderPaid,
    OrderStatus, OrderUpdated, Payload, ProductChanged, ProductData, ProductDeleted, ProductId, StockMoved,
    UserChanged, UserData, UserDeleted, UserId,
};
use esteira_sql::{Money, Timestamp};
use uuid::Uuid;

static CLOCK: AtomicI64 = AtomicI64::new(0);

/// An event of our services; 0 stands for no sequence, as in Go's.
pub(crate) fn event(sequence: i64, payload: Payload) -> Event {
    let tick = CLOCK.fetch_add(1, Ordering::Relaxed);
    let occurred_at = Timestamp::from_millis(1_795_351_389_000 + tick).unwrap();
    let sequence = (sequence > 0).then_some(sequence);
    Event { meta: EventMeta { event_id: Uuid::now_v7(), occurred_at, sequence, schema_version: 1 }, payload }
}

/// The record of `event`, each at an offset of its own.
pub(crate) fn record(event: &Event) -> Record {
    static OFFSET: AtomicI64 = AtomicI64::new(0);
    let NewRecord { topic, key, value, headers } = new_record(event);
    let offset = OFFSET.fetch_add(1, Ordering::Relaxed);
    Record { topic, partition: 0, offset, timestamp_ms: Some(1_795_351_389_000), key, value, headers }
}

pub(crate) fn new_record(event: &Event) -> NewRecord {
    let mut headers = vec![Header::text("ce_id", event.meta.event_id.to_string())];
    headers.extend(event.meta.sequence.map(|sequence| Header::text("ce_sequence", sequence.to_string())));
    NewRecord {
        topic: event.event_type().as_str().to_owned(),
        key: Some(event.aggregate_id().to_string().into_bytes()),
        value: Some(event.encode().unwrap().into_bytes()),
        headers,
    }
}

/// Shorthand for the record of a new event.
pub(crate) fn made(sequence: i64, payload: Payload) -> Record {
    record(&event(sequence, payload))
}

pub(crate) fn cents(cents: i64) -> Money {
    Money::from_cents(cents).unwrap()
}

pub(crate) fn user_data(id: i64, name: &str, version: i64) -> UserData {
    let version = (version > 0).then_some(version);
    UserData { id: UserId(id), name: name.to_owned(), email: format!("{name}@example.com"), version }
}

pub(crate) fn user_created(id: i64, name: &str) -> Payload {
    Payload::UserCreated(UserChanged { user: user_data(id, name, 1) })
}

pub(crate) fn user_updated(id: i64, name: &str) -> Payload {
    Payload::UserUpdated(UserChanged { user: user_data(id, name, 0) })
}

pub(crate) fn user_deleted(id: i64) -> Payload {
    Payload::UserDeleted(UserDeleted { user_id: UserId(id) })
}

pub(crate) fn product_data(id: i64, stock: i64) -> ProductData {
    ProductData { id: ProductId(id), name: format!("product {id}"), price: cents(id * 1_050), stock }
}

pub(crate) fn product_created(id: i64, stock: i64) -> Payload {
    Payload::ProductCreated(ProductChanged { product: product_data(id, stock) })
}

pub(crate) fn product_updated(id: i64, stock: i64) -> Payload {
    Payload::ProductUpdated(ProductChanged { product: product_data(id, stock) })
}

pub(crate) fn product_deleted(id: i64) -> Payload {
    Payload::ProductDeleted(ProductDeleted { product_id: ProductId(id) })
}

pub(crate) fn moved(product: i64, quantity: i64, stock: Option<i64>) -> StockMoved {
    StockMoved { order_id: OrderId(1), product_id: ProductId(product), quantity, stock }
}

/// An order of one line, with its facets where `user` is given.
pub(crate) fn order_created(id: i64, user_id: i64, product: i64, user: Option<UserData>) -> Payload {
    let ours = user.is_some();
    let item = ItemData {
        product_id: ProductId(product),
        quantity: 2,
        unit_price: cents(1_000),
        product: ours.then(|| product_data(product, 9)),
    };
    let order = OrderData {
        id: OrderId(id),
        user_id: UserId(user_id),
        status: OrderStatus::Created,
        total_amount: if ours { cents(2_000) } else { Money::ZERO },
        items: vec![item],
        user,
    };
    Payload::OrderCreated(OrderCreated { order })
}

pub(crate) fn order_updated(id: i64, status: OrderStatus) -> Payload {
    Payload::OrderUpdated(OrderUpdated {
        order_id: OrderId(id),
        status,
        reservation: None,
        refund_due: None,
        refund_reference: None,
    })
}

pub(crate) fn order_paid(id: i64) -> Payload {
    Payload::OrderPaid(OrderPaid { order_id: OrderId(id), payment_method: Some("PIX".to_owned()) })
}

pub(crate) fn order_canceled(id: i64, reason: &str) -> Payload {
    let reason = reason.to_owned();
    Payload::OrderCanceled(OrderCanceled {
        order_id: OrderId(id),
        reason,
        refund_due: None,
        reservation: None,
    })
}

pub(crate) fn order_deleted(id: i64) -> Payload {
    Payload::OrderDeleted(OrderDeleted { order_id: OrderId(id) })
}
