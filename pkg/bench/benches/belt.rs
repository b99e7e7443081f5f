//! What the belt computes for one event, apart from any engine: decide, encode, decode, project.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use esteira_events::{Event, EventMeta, EventType, Payload, ProductData, ProductId, UserData, UserId};
use esteira_orders::domain::{CreateOrder, NewItem, OrderEvent, create};
use esteira_orders::{Order, PricePolicy};
use esteira_projector::project;
use esteira_sql::{Money, Timestamp};
use uuid::Uuid;

const ORDER: i64 = 1_234_567;

fn user() -> UserData {
    UserData { id: UserId(7), name: "Ana Souza".into(), email: "ana@example.com".into(), version: Some(1) }
}

fn products() -> Vec<ProductData> {
    let product = |id: i64| ProductData {
        id: ProductId(id),
        name: format!("Product {id}"),
        price: Money::from_cents(8_990).unwrap(),
        stock: 1_000,
    };
    (1..=2).map(product).collect()
}

fn command() -> CreateOrder {
    let item = |id: i64| NewItem { product_id: ProductId(id), quantity: 2, unit_price: None };
    CreateOrder { user_id: UserId(7), items: vec![item(1), item(2)] }
}

fn decided(user: &UserData, products: &[ProductData], command: &CreateOrder) -> OrderEvent {
    let find = |id: ProductId| products.iter().find(|product| product.id == id);
    create(command, PricePolicy::Trust, Some(user), find).unwrap()
}

fn event() -> Event {
    let created = decided(&user(), &products(), &command());
    let payload: Payload = <Order as esteira_aggregate::Aggregate>::payload(ORDER, &created);
    let meta = EventMeta {
        event_id: Uuid::nil(),
        occurred_at: Timestamp::now(),
        sequence: Some(1),
        schema_version: esteira_events::SCHEMA_VERSION,
    };
    Event { meta, payload }
}

fn belt(criterion: &mut Criterion) {
    let (user, products, command) = (user(), products(), command());
    criterion.bench_function("decide an order", |bencher| {
        bencher.iter(|| decided(black_box(&user), black_box(&products), black_box(&command)));
    });
    let event = event();
    criterion.bench_function("encode order.created", |bencher| {
        bencher.iter(|| black_box(&event).encode().unwrap());
    });
    let value = event.encode().unwrap();
    criterion.bench_function("decode order.created", |bencher| {
        bencher.iter(|| Event::decode(EventType::OrderCreated, Some(black_box(value.as_bytes()))).unwrap());
    });
    criterion.bench_function("project order.created", |bencher| {
        bencher.iter(|| project(None, black_box(&event)).unwrap());
    });
}

criterion_group!(benches, belt);
criterion_main!(benches);
