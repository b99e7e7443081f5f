//! Rebuild, verify and takeover beside whoever writes meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use esteira_bus::Handler;
use esteira_events::{AggregateKind, Event, Payload};
use esteira_projector::{Rebuilt, Verified};
use esteira_sql::{Timestamp, on};
use esteira_views::{APPLIED, DocId, Document, Fields, PRODUCTS, TOMBSTONES, USERS, Write};
use serde_json::{Value, json};

use crate::events::{
    event, made, moved, new_record, product_created, product_updated, record, user_created, user_deleted,
    user_updated,
};
use crate::fixture::Fixture;
use crate::hooks::{Action, Hooked, Method};

fn fields(value: Value) -> Fields {
    let Value::Object(fields) = value else { unreachable!() };
    fields
}

async fn sql(fixture: &Fixture, text: &str) {
    let mut tx = fixture.store.as_ref().unwrap().begin().await.unwrap();
    let text = text.to_owned();
    on!(&mut tx.conn(), c => sqlx::query(sqlx::AssertSqlSafe(text)).execute(&mut *c).await.map(drop))
        .unwrap();
    tx.commit().await.unwrap();
}

async fn rebuild(fixture: &Fixture) -> Rebuilt {
    let store = fixture.store.as_ref().unwrap();
    fixture.projector().rebuild(store, &AggregateKind::ALL, |_| {}).await.unwrap()
}

async fn put(fixture: &Fixture, collection: &'static esteira_views::Collection, id: i64, body: Value) {
    let write = Write::Upsert { collection, id: DocId::Int(id), set: fields(body) };
    fixture.views.write(vec![write]).await.unwrap();
}

fn reserved(quantity: i64) -> Payload {
    Payload::StockReserved(moved(1, quantity, None))
}

async fn stock(fixture: &Fixture) -> i64 {
    fixture.product(1).await.unwrap().stock
}

/// A product of 9, and an event of Go's that takes 2 of them and has yet to come.
async fn shelf(fixture: &Fixture) -> Event {
    let created = event(1, product_created(1, 9));
    fixture.outbox(std::slice::from_ref(&created)).await;
    fixture.handle(&[record(&created)]).await;
    event(0, reserved(2))
}

/// Inserts, publishes, marks and projects `moved` when it is first called.
fn arrives_once<T>(fixture: &Fixture, moved: &Event) -> impl FnMut(&T) + Send {
    let (fixture, moved, mut arrived) = (fixture.clone(), moved.clone(), false);
    move |_| {
        if !std::mem::replace(&mut arrived, true) {
            tokio::task::block_in_place(|| {
                tokio::runtime::Handle::current().block_on(async {
                    fixture.outbox(std::slice::from_ref(&moved)).await;
                    fixture.handle(&[record(&moved)]).await;
                    assert_eq!(stock(&fixture).await, 7);
                });
            });
        }
    }
}

async fn a_go_event_that_arrives_during_a_rebuild_is_kept(fixture: Fixture) {
    let fixture = fixture.with_outbox().await;
    let moved = shelf(&fixture).await;
    let store = fixture.store.clone().unwrap();
    let each = arrives_once::<Rebuilt>(&fixture, &moved);
    fixture.projector().rebuild(&store, &AggregateKind::ALL, each).await.unwrap();
    fixture.handle(&[record(&moved)]).await;
    assert_eq!(
        stock(&fixture).await,
        7,
        "Go's event was applied once, and taken back by the rebuild for good"
    );
}

/// The same in a verification: a false difference, and with repair the effect is lost.
async fn a_go_event_that_arrives_during_a_verification_is_kept(fixture: Fixture) {
    let fixture = fixture.with_outbox().await;
    let moved = shelf(&fixture).await;
    let store = fixture.store.clone().unwrap();
    let each = arrives_once::<Verified>(&fixture, &moved);
    fixture.projector().verify(&store, true, each).await.unwrap();
    fixture.handle(&[record(&moved)]).await;
    assert_eq!(stock(&fixture).await, 7, "--repair took Go's event back for good");
}

const ROW: &str = "insert into products (id, name, price, stock, created_at, version) \
     values (1, 'product 1', 1050, 4, '2026-11-22T12:43:09.055Z', 1)";

/// The stock that a take-over took from the table.
async fn a_rebuild_after_a_take_over_keeps_the_stock_of_the_table(fixture: Fixture) {
    let fixture = fixture.with_outbox().await;
    fixture.outbox(&[event(0, product_created(1, 9))]).await;
    sql(&fixture, ROW).await;
    put(&fixture, &PRODUCTS, 1, json!({ "name": "product 1", "stock": 4 })).await;
    fixture.projector().prepare().await.unwrap();
    assert_eq!(stock(&fixture).await, 4);
    rebuild(&fixture).await;
    assert_eq!(stock(&fixture).await, 4, "the rebuild took the table's stock back");
}

async fn a_repair_after_a_take_over_keeps_the_stock_of_the_table(fixture: Fixture) {
    let fixture = fixture.with_outbox().await;
    fixture.outbox(&[event(0, product_created(1, 9))]).await;
    sql(&fixture, ROW).await;
    put(&fixture, &PRODUCTS, 1, json!({ "name": "product 1", "stock": 4 })).await;
    fixture.projector().prepare().await.unwrap();
    assert_eq!(stock(&fixture).await, 4);
    fixture.projector().verify(fixture.store.as_ref().unwrap(), true, |_| {}).await.unwrap();
    assert_eq!(stock(&fixture).await, 4, "verify --repair took the table's stock back");
}

/// More of them than the view's document remembers.
async fn a_history_without_its_creation_and_with_many_events_of_go_gives_what_the_view_has(fixture: Fixture) {
    let fixture = fixture.with_outbox().await;
    let mut history: Vec<Event> = (0..600).map(|_| event(0, reserved(1))).collect();
    history.push(event(2, product_updated(1, 300)));
    history.extend((0..600).map(|_| event(0, reserved(1))).collect::<Vec<_>>());
    fixture.handle(&[made(1, product_created(1, 9_000))]).await;
    for events in history.chunks(100) {
        fixture.handle(&events.iter().map(record).collect::<Vec<_>>()).await;
    }
    let before = stock(&fixture).await;
    fixture.outbox(&history).await;
    let rebuilt = rebuild(&fixture).await;
    assert_eq!((rebuilt.replaced, rebuilt.broken, stock(&fixture).await), (0, Vec::new(), before));
}

/// Deleted by an event that the history does not have (yet).
async fn what_was_deleted_is_never_shown_again(fixture: Fixture) {
    let fixture = fixture.with_outbox().await;
    let created = event(1, user_created(1, "ana"));
    fixture.outbox(std::slice::from_ref(&created)).await;
    // Go has published the deletion, and not marked its row yet.
    fixture.handle(&[record(&created), made(0, user_deleted(1))]).await;
    assert!(fixture.user(1).await.is_none());
    let seen = Arc::new(AtomicUsize::new(0));
    let over = Arc::new(AtomicBool::new(false));
    let mut wrote = false;
    let count = Arc::clone(&seen);
    // A document that was put, and whose tombstone is looked at next.
    let hooks = Hooked::new(&fixture.views, move |call| {
        if call
            .writes
            .iter()
            .any(|write| matches!(write, Write::Put { collection, .. } if collection.name == USERS.name))
        {
            wrote = true;
        } else if wrote && call.is(Method::Get, &TOMBSTONES) {
            wrote = false;
            count.fetch_add(1, Ordering::Relaxed);
        }
        Action::Proceed
    });
    let reader = tokio::spawn({
        let (fixture, over) = (fixture.clone(), Arc::clone(&over));
        async move {
            let mut seen = 0;
            while !over.load(Ordering::Relaxed) {
                seen += usize::from(fixture.user(1).await.is_some());
            }
            seen
        }
    });
    let rebuilt = fixture
        .hooked(&hooks)
        .rebuild(fixture.store.as_ref().unwrap(), &[AggregateKind::User], |_| {})
        .await
        .unwrap();
    over.store(true, Ordering::Relaxed);
    let read = reader.await.unwrap();
    assert_eq!(
        (seen.load(Ordering::Relaxed), read),
        (0, 0),
        "times that it was put back, times that a reader saw it: {rebuilt:?}"
    );
}

/// The projector is behind, the product is in demand: a repair comes to an end.
async fn a_repair_of_a_product_in_demand_ends(fixture: Fixture) {
    let fixture = fixture.with_outbox().await;
    fixture.outbox(&[event(1, product_created(1, 9))]).await;
    sql(&fixture, &ROW.replace(", 4,", ", 9,")).await;
    let over = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (fixture, over) = (fixture.clone(), Arc::clone(&over));
        async move {
            let mut version = 1;
            while !over.load(Ordering::Relaxed) {
                version += 1;
                let left = 9 + version % 2;
                ours(
                    &fixture,
                    &event(version, Payload::StockReserved(moved(1, 1, Some(left)))),
                    version,
                    left,
                )
                .await;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            version
        }
    });
    let store = fixture.store.clone().unwrap();
    let projector = fixture.projector();
    let verified =
        tokio::time::timeout(Duration::from_secs(25), projector.verify(&store, true, |_| {})).await;
    over.store(true, Ordering::Relaxed);
    let events = writer.await.unwrap();
    assert!(
        verified.is_ok(),
        "the repair still runs after 25 s and {events} events, with a patience of 10 s"
    );
}

/// Nothing is wrong, and the projector keeps up: no difference.
async fn a_product_in_demand_is_no_difference(fixture: Fixture) {
    let fixture = fixture.with_outbox().await;
    let created = event(1, product_created(1, 9));
    fixture.outbox(std::slice::from_ref(&created)).await;
    fixture.log_it(&created).await;
    sql(&fixture, &ROW.replace(", 4,", ", 9,")).await;
    fixture.handle(&[record(&created)]).await;
    let over = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (fixture, over) = (fixture.clone(), Arc::clone(&over));
        async move {
            let mut version = 1;
            while !over.load(Ordering::Relaxed) {
                version += 1;
                let left = 9 + version % 2;
                let moved = event(version, Payload::StockReserved(moved(1, 1, Some(left))));
                // The row is marked as published from the beginning.
                fixture.log_it(&moved).await;
                ours(&fixture, &moved, version, left).await;
                fixture.handle(&[record(&moved)]).await;
            }
            version
        }
    });
    let store = fixture.store.clone().unwrap();
    let verified = fixture.projector().verify(&store, false, |_| {}).await.unwrap();
    over.store(true, Ordering::Relaxed);
    let events = writer.await.unwrap();
    let verified_after = fixture.projector().verify(&store, false, |_| {}).await.unwrap();
    assert_eq!(verified_after.differences, [], "the test itself");
    assert_eq!(verified.differences, [], "after {events} events");
}

/// As our service does it: row and event in one transaction, the row named.
async fn ours(fixture: &Fixture, event: &Event, version: i64, left: i64) {
    let mut tx = fixture.store.as_ref().unwrap().begin().await.unwrap();
    on!(&mut tx.conn(), c => {
        sqlx::query("insert into outbox (aggregate, aggregate_id, sequence, event_id, event_type, payload, processed_at) values (?, ?, ?, ?, ?, ?, ?)")
            .bind(event.aggregate().as_str())
            .bind(event.aggregate_id())
            .bind(version)
            .bind(event.meta.event_id.to_string())
            .bind(event.event_type().as_str())
            .bind(event.encode().unwrap())
            .bind(Timestamp::now())
            .execute(&mut *c)
            .await.unwrap();
        sqlx::query("update products set version = ?, stock = ? where id = 1")
            .bind(version).bind(left).execute(&mut *c).await.map(drop)
    }).unwrap();
    tx.commit().await.unwrap();
}

impl Fixture {
    async fn log_it(&self, event: &Event) {
        use esteira_bus::Log;
        self.log.publish(vec![new_record(event)]).await.remove(0).unwrap();
    }
}

/// A history without its creation: Go's older change must not undo ours.
async fn without_its_creation_a_history_keeps_its_order_in_time(fixture: Fixture) {
    let fixture = fixture.with_outbox().await;
    let of_go = event(0, user_updated(1, "by go"));
    let of_ours = event(2, user_updated(1, "by us, later"));
    fixture.outbox(&[of_go, of_ours]).await;
    // The Go projector has both, and no version.
    put(&fixture, &USERS, 1, json!({ "name": "by us, later", "email": "a@example.com" })).await;
    fixture.projector().prepare().await.unwrap();
    assert_eq!(fixture.user(1).await.unwrap().name, "by us, later");
}

/// More of Go's events than a view remembers, and all of them once more, as after a group lost its offsets.
async fn events_that_a_view_has_long_forgotten_are_not_applied_again(fixture: Fixture) {
    let fixture = fixture.with_outbox().await;
    let created = event(1, product_created(1, 2_000));
    let moves: Vec<Event> = (0..700).map(|_| event(0, reserved(1))).collect();
    let records: Vec<_> = std::iter::once(&created).chain(&moves).map(record).collect();
    let handle = async || {
        for records in records.chunks(100) {
            fixture.handle(records).await;
        }
    };
    handle().await;
    handle().await;
    assert_eq!(stock(&fixture).await, 1_300, "the worker applied an event twice");
    // A rebuilt view is no other.
    fixture.outbox(std::slice::from_ref(&created)).await;
    fixture.outbox(&moves).await;
    put(&fixture, &PRODUCTS, 1, json!({ "stock": 5 })).await;
    let forget = |document: Document| Write::Delete { collection: &APPLIED, id: document.id, guard: None };
    let known = fixture.all(&APPLIED).await.into_iter().map(forget).collect();
    fixture.views.write(known).await.unwrap();
    rebuild(&fixture).await;
    assert_eq!(stock(&fixture).await, 1_300);
    handle().await;
    assert_eq!(stock(&fixture).await, 1_300, "after the rebuild an event was applied twice");
}

/// Somebody wrote something else into it by hand.
async fn a_document_that_cannot_be_read_is_told_and_replaced(fixture: Fixture) {
    let fixture = fixture.with_outbox().await;
    let created = event(1, user_created(1, "ana"));
    fixture.outbox(std::slice::from_ref(&created)).await;
    fixture.log_it(&created).await;
    fixture.handle(&[record(&created)]).await;
    sql(&fixture, USER_ROW).await;
    for repair in [None, Some(false), Some(true)] {
        put(&fixture, &USERS, 1, json!({ "name": { "first": "ana" } })).await;
        put(&fixture, &USERS, 9, json!({ "name": 9 })).await;
        match repair {
            None => {
                let rebuilt = rebuild(&fixture).await;
                assert_eq!((rebuilt.replaced, rebuilt.removed, rebuilt.broken), (1, 1, vec![]));
            }
            Some(repair) => {
                let store = fixture.store.clone().unwrap();
                let verified = fixture.projector().verify(&store, repair, |_| {}).await.unwrap();
                let found: Vec<String> = verified.differences.into_iter().map(|it| it.found).collect();
                assert_eq!(found.len(), usize::from(!repair), "{found:?}");
                assert!(found.iter().all(|it| it.contains("document 1 is not readable")), "{found:?}");
                if !repair {
                    continue;
                }
            }
        }
        assert_eq!(fixture.user(1).await.unwrap().name, "ana");
    }
}

/// Another rebuild was faster, and the projector has gone on since.
async fn a_document_that_has_been_made_again_meanwhile_stays(fixture: Fixture) {
    let fixture = fixture.with_outbox().await;
    let events = [event(1, user_created(1, "ana")), event(2, user_updated(1, "eva"))];
    fixture.outbox(&events[..1]).await;
    put(&fixture, &USERS, 1, json!({ "name": { "first": "ana" }, "version": 1 })).await;
    let (beside, later) = (fixture.clone(), events[1].clone());
    let mut met = false;
    let hooks = Hooked::new(&fixture.views, move |call| {
        let deletes = |write: &Write| matches!(write, Write::Delete { collection, .. } if collection.name == USERS.name);
        if call.writes.iter().any(deletes) && !std::mem::replace(&mut met, true) {
            tokio::task::block_in_place(|| {
                tokio::runtime::Handle::current().block_on(async {
                    put(&beside, &USERS, 1, json!({ "name": "ana" })).await;
                    beside.handle(&[record(&later)]).await;
                });
            });
        }
        Action::Proceed
    });
    let store = fixture.store.clone().unwrap();
    fixture.hooked(&hooks).rebuild(&store, &[AggregateKind::User], |_| {}).await.unwrap();
    let user = fixture.user(1).await.unwrap();
    assert_eq!((user.version, user.name.as_str()), (2, "eva"), "an applied event was undone");
}

const USER_ROW: &str = "insert into users (id, name, email, created_at, version) \
     values (1, 'ana', 'ana@example.com', '2026-11-22T12:43:09.055Z', 1)";

crate::on_every_engine!(
    a_history_without_its_creation_and_with_many_events_of_go_gives_what_the_view_has,
    a_go_event_that_arrives_during_a_rebuild_is_kept,
    a_go_event_that_arrives_during_a_verification_is_kept,
    a_rebuild_after_a_take_over_keeps_the_stock_of_the_table,
    a_repair_after_a_take_over_keeps_the_stock_of_the_table,
    what_was_deleted_is_never_shown_again,
    a_repair_of_a_product_in_demand_ends,
    a_product_in_demand_is_no_difference,
    without_its_creation_a_history_keeps_its_order_in_time,
    events_that_a_view_has_long_forgotten_are_not_applied_again,
    a_document_that_cannot_be_read_is_told_and_replaced,
    a_document_that_has_been_made_again_meanwhile_stays,
);
