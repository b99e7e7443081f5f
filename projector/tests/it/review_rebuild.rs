//! Review: rebuild, verify, take-over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use esteira_bus::{Handler, Record};
use esteira_events::{AggregateKind, Event, Payload};
use esteira_projector::{Rebuilt, Verified};
use esteira_sql::{Timestamp, on};
use esteira_views::{DocId, Fields, ORDERS, PRODUCTS, TOMBSTONES, USERS, Write};
use serde_json::{Value, json};

use crate::events::{
    event, made, moved, new_record, order_created, product_created, record, user_created, user_data,
    user_deleted, user_updated,
};
use crate::fixture::Fixture;
use crate::hooks::{Action, Hooked, Method, pause};

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

/// 1. Go's event is inserted, published, marked and projected while a rebuild runs.
async fn a_go_event_that_arrives_during_a_rebuild_is_kept(fixture: Fixture) {
    let fixture = fixture.with_outbox().await;
    let created = event(1, product_created(1, 9));
    fixture.outbox(&[created.clone()]).await;
    fixture.handle(&[record(&created)]).await;
    let moved = event(0, reserved(2));
    let mut arrived = false;
    let store = fixture.store.clone().unwrap();
    let each = |_: &Rebuilt| {
        if !std::mem::replace(&mut arrived, true) {
            let fixture = fixture.clone();
            let moved = moved.clone();
            tokio::task::block_in_place(|| {
                tokio::runtime::Handle::current().block_on(async move {
                    fixture.outbox(&[moved.clone()]).await;
                    fixture.handle(&[record(&moved)]).await;
                    assert_eq!(stock(&fixture).await, 7);
                });
            });
        }
    };
    fixture.projector().rebuild(&store, &AggregateKind::ALL, each).await.unwrap();
    fixture.handle(&[record(&moved)]).await;
    assert_eq!(
        stock(&fixture).await,
        7,
        "Go's event was applied once, and taken back by the rebuild for good"
    );
}

/// 1b. The same in a verification: a false difference, and with repair the effect is lost.
async fn a_go_event_that_arrives_during_a_verification_is_kept(fixture: Fixture) {
    let fixture = fixture.with_outbox().await;
    let created = event(1, product_created(1, 9));
    fixture.outbox(&[created.clone()]).await;
    fixture.handle(&[record(&created)]).await;
    let moved = event(0, reserved(2));
    let mut arrived = false;
    let store = fixture.store.clone().unwrap();
    let each = |_: &Verified| {
        if !std::mem::replace(&mut arrived, true) {
            let fixture = fixture.clone();
            let moved = moved.clone();
            tokio::task::block_in_place(|| {
                tokio::runtime::Handle::current().block_on(async move {
                    fixture.outbox(&[moved.clone()]).await;
                    fixture.handle(&[record(&moved)]).await;
                });
            });
        }
    };
    fixture.projector().verify(&store, true, each).await.unwrap();
    fixture.handle(&[record(&moved)]).await;
    assert_eq!(stock(&fixture).await, 7, "--repair took Go's event back for good");
}

/// 2. A backlog of Go's events that is longer than what a document remembers.
async fn a_backlog_of_go_is_not_applied_twice_after_a_rebuild(fixture: Fixture) {
    let fixture = fixture.with_outbox().await;
    let created = event(1, product_created(1, 10_000));
    let backlog: Vec<Event> = (0..600).map(|_| event(0, reserved(1))).collect();
    fixture.outbox(&[created.clone()]).await;
    fixture.outbox(&backlog).await;
    fixture.handle(&[record(&created)]).await;
    rebuild(&fixture).await;
    assert_eq!(stock(&fixture).await, 9_400);
    let records: Vec<Record> = backlog.iter().map(record).collect();
    for records in records.chunks(100) {
        fixture.handle(records).await;
    }
    assert_eq!(stock(&fixture).await, 9_400);
}

/// 3. A row of Go that an operator gave up comes back by a rebuild.
async fn a_skipped_row_of_go_stays_given_up(fixture: Fixture) {
    let fixture = fixture.with_outbox().await;
    let created = event(1, product_created(1, 9));
    fixture.outbox(&[created.clone()]).await;
    fixture.handle(&[record(&created)]).await;
    fixture.outbox(&[event(0, reserved(2))]).await;
    sql(&fixture, "update outbox set processed_at = null, attempts = 3 where id = 2").await;
    assert!(esteira_outbox::skip(fixture.store.as_ref().unwrap(), 2, "too large").await.unwrap());
    rebuild(&fixture).await;
    assert_eq!(stock(&fixture).await, 9, "what was given up was applied by the rebuild");
}

/// 4. One document that cannot be read.
async fn a_document_that_cannot_be_read_is_rebuilt_too(fixture: Fixture) {
    let fixture = fixture.with_outbox().await;
    let history = [event(1, user_created(1, "ana")), event(1, user_created(2, "eva"))];
    fixture.outbox(&history).await;
    put(&fixture, &USERS, 1, json!({ "name": 5, "version": 1 })).await;
    let store = fixture.store.as_ref().unwrap();
    let rebuilt = fixture.projector().rebuild(store, &AggregateKind::ALL, |_| {}).await;
    assert!(rebuilt.is_ok(), "{rebuilt:?}");
}

async fn a_document_that_cannot_be_read_does_not_stop_the_take_over(fixture: Fixture) {
    let fixture = fixture.with_outbox().await;
    fixture.outbox(&[event(0, user_created(1, "ana")), event(0, user_created(2, "eva"))]).await;
    put(&fixture, &USERS, 1, json!({ "name": 5 })).await;
    let prepared = fixture.projector().prepare().await;
    assert!(prepared.is_ok(), "{prepared:?}");
}

const ROW: &str = "insert into products (id, name, price, stock, created_at, version) \
     values (1, 'product 1', 1050, 4, '2026-11-22T12:43:09.055Z', 1)";

/// 5. The stock that a take-over took from the table.
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

/// 6. A take-over that dies before the stock is taken, of views without marks of Go's.
async fn a_take_over_that_broke_off_takes_the_stock_the_next_time(fixture: Fixture) {
    let fixture = fixture.with_outbox().await;
    fixture.outbox(&[event(0, product_created(1, 9))]).await;
    sql(&fixture, ROW).await;
    put(&fixture, &PRODUCTS, 1, json!({ "name": "product 1", "stock": 4 })).await;
    let mut adopted = false;
    let hooks = Hooked::failing_once(&fixture.views, move |call| {
        adopted |= call.is(Method::UpdateWhere, &PRODUCTS);
        adopted && call.is(Method::Get, &PRODUCTS)
    });
    fixture.hooked(&hooks).prepare().await.unwrap_err();
    fixture.projector().prepare().await.unwrap();
    assert_eq!(stock(&fixture).await, 4, "nobody takes the stock any more");
}

/// 7. Deleted by an event that the history does not have (yet).
async fn what_was_deleted_is_never_shown_again(fixture: Fixture) {
    let fixture = fixture.with_outbox().await;
    let created = event(1, user_created(1, "ana"));
    fixture.outbox(&[created.clone()]).await;
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

/// 8. The projector is behind, the product is in demand: a repair comes to an end.
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
                fixture.outbox(&[event(version, Payload::StockReserved(moved(1, 1, Some(left))))]).await;
                sql(
                    &fixture,
                    &format!("update products set version = {version}, stock = {left} where id = 1"),
                )
                .await;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    });
    // The marks of our own rows, as our services write them.
    let projector = fixture.projector();
    let store = fixture.store.clone().unwrap();
    let name = tokio::spawn({
        let (store, over) = (store.clone(), Arc::clone(&over));
        async move {
            while !over.load(Ordering::Relaxed) {
                esteira_outbox::name_rows_of_go(&store).await.unwrap();
            }
        }
    });
    let verified =
        tokio::time::timeout(Duration::from_secs(25), projector.verify(&store, true, |_| {})).await;
    over.store(true, Ordering::Relaxed);
    writer.await.unwrap();
    name.await.unwrap();
    assert!(verified.is_ok(), "the repair still runs after 25 s, with a patience of 10 s");
    let verified = verified.unwrap().unwrap();
    assert_eq!(verified.differences, []);
}

/// 8b. Nothing is wrong, and the projector keeps up: no difference.
async fn a_product_in_demand_is_no_difference(fixture: Fixture) {
    let fixture = fixture.with_outbox().await;
    let created = event(1, product_created(1, 9));
    fixture.outbox(&[created.clone()]).await;
    fixture.log_it(&created).await;
    sql(&fixture, &ROW.replace(", 4,", ", 9,").replace("1050", "10.50")).await;
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
                ours(&fixture, &moved, version, left).await;
                fixture.log_it(&moved).await;
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

/// 9. A history without its creation: Go's older change must not undo ours.
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

/// 10. The user changes between the load and the write, and the rebuild is stopped right after its write.
async fn a_rebuild_that_is_stopped_leaves_no_older_facet(fixture: Fixture) {
    let fixture = fixture.with_outbox().await;
    let history = [
        event(1, user_created(1, "one")),
        event(1, order_created(1, 1, 1, Some(user_data(1, "one", 1)))),
        event(2, user_updated(1, "two")),
        event(3, user_updated(1, "three")),
    ];
    fixture.outbox(&history[..3]).await;
    fixture.handle(&[record(&history[0]), record(&history[1]), record(&history[2])]).await;
    // As in the moment between a projector's write of the user and of the facets.
    put(
        &fixture,
        &ORDERS,
        1,
        json!({ "user": { "id": 1, "name": "one", "email": "one@example.com", "version": 1 } }),
    )
    .await;
    let (pause, paused) = pause();
    let mut pause = Some(pause);
    let mut wrote = false;
    let hooks = Hooked::new(&fixture.views, move |call| {
        if call.is(Method::Write, &ORDERS) {
            wrote = true;
            if let Some(pause) = pause.take() {
                return Action::Pause(pause);
            }
        } else if wrote {
            return Action::Fail(crate::hooks::unavailable());
        }
        Action::Proceed
    });
    let projector = fixture.hooked(&hooks);
    let store = fixture.store.clone().unwrap();
    let rebuild =
        tokio::spawn(async move { projector.rebuild(&store, &[AggregateKind::Order], |_| {}).await });
    paused.reached.await.unwrap();
    fixture.handle(&[record(&history[3])]).await;
    assert_eq!(fixture.order(1).await.unwrap().user.name, "three");
    paused.go.send(()).unwrap();
    let _ = rebuild.await.unwrap();
    assert_eq!(
        fixture.order(1).await.unwrap().user.name,
        "three",
        "the facet went back, and nobody brings it up"
    );
}

/// 11. What was discarded and waits for its predecessor comes again.
async fn a_discarded_record_that_comes_again_stays_discarded(fixture: Fixture) {
    use esteira_bus::dlq::RetryStore;
    fixture.handle(&[made(1, user_created(1, "ana"))]).await;
    let broken = Record {
        offset: 5,
        value: Some(b"{".to_vec()),
        headers: vec![esteira_bus::Header::text("ce_sequence", "3")],
        ..made(0, user_updated(1, "x"))
    };
    fixture.handle(&[broken.clone()]).await;
    fixture.projector().discard(&broken, "no event").await.unwrap();
    fixture.handle(&[broken.clone()]).await;
    assert_eq!(fixture.dead_letters("user.updated").await.len(), 1, "discarded, and dead-lettered again");
}

macro_rules! sqlite { ($($test:ident),+ $(,)?) => { mod sqlite { $(
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn $test() { crate::fixture::with_sqlite(super::$test).await; })+ } } }

sqlite!(
    a_go_event_that_arrives_during_a_rebuild_is_kept,
    a_go_event_that_arrives_during_a_verification_is_kept,
    a_backlog_of_go_is_not_applied_twice_after_a_rebuild,
    a_skipped_row_of_go_stays_given_up,
    a_document_that_cannot_be_read_is_rebuilt_too,
    a_document_that_cannot_be_read_does_not_stop_the_take_over,
    a_rebuild_after_a_take_over_keeps_the_stock_of_the_table,
    a_repair_after_a_take_over_keeps_the_stock_of_the_table,
    a_take_over_that_broke_off_takes_the_stock_the_next_time,
    what_was_deleted_is_never_shown_again,
    a_repair_of_a_product_in_demand_ends,
    a_product_in_demand_is_no_difference,
    without_its_creation_a_history_keeps_its_order_in_time,
    a_rebuild_that_is_stopped_leaves_no_older_facet,
    a_discarded_record_that_comes_again_stays_discarded,
);
