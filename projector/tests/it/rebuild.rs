//! Views rebuilt from the outbox.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use esteira_bus::Handler;
use esteira_events::{AggregateKind, Event, OrderStatus};
use esteira_projector::Rebuilt;
use esteira_views::{DocId, Filter, ORDERS, PRODUCTS, USERS, Write};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::events::{
    event, order_created, order_paid, order_updated, product_created, record, user_created, user_data,
};
use crate::fixture::Fixture;
use crate::history::written;
use crate::oracle::{expected, shown};

impl Fixture {
    async fn rebuild(&self) -> Rebuilt {
        let store = self.store.as_ref().unwrap();
        self.projector().rebuild(store, &AggregateKind::ALL, |_| {}).await.unwrap()
    }

    async fn damage(&self, collection: &'static esteira_views::Collection, field: &str, value: Value) {
        let set = [(field.to_owned(), value)].into_iter().collect();
        self.views.update_where(collection, vec![(Vec::new(), set)]).await.unwrap();
    }
}

fn history() -> Vec<Event> {
    let steps = prop::collection::vec((0..10_u8, 1..9_i64, any::<u8>()), 300);
    written(&steps.new_tree(&mut TestRunner::deterministic()).unwrap().current())
}

async fn damaged_missing_and_foreign_documents_are_what_their_history_gives_again(fixture: Fixture) {
    let fixture = fixture.with_outbox().await;
    let history = history();
    fixture.outbox(&history).await;
    let records: Vec<_> = history.iter().map(record).collect();
    fixture.handle(&records[..records.len() / 2]).await;
    fixture.damage(&ORDERS, "status", json!("NONSENSE")).await;
    fixture.damage(&PRODUCTS, "stock", json!(-7)).await;
    fixture.views.delete_where(&USERS, &[Filter::less_than("_id", 4)]).await.unwrap();
    let stranger = Write::Upsert {
        collection: &USERS,
        id: DocId::Int(1_000_000),
        set: [("name".to_owned(), json!("nobody")), ("version".to_owned(), json!(3))].into_iter().collect(),
    };
    fixture.views.write(vec![stranger]).await.unwrap();
    let rebuilt = fixture.rebuild().await;
    assert_eq!(shown(&fixture).await, expected(&history));
    assert_eq!((rebuilt.removed, rebuilt.broken.as_slice()), (1, [].as_slice()));
    // A second one finds nothing to do, and neither does the log.
    assert_eq!(fixture.rebuild().await.replaced, 0);
    fixture.handle(&records).await;
    assert_eq!(shown(&fixture).await, expected(&history));
    assert_eq!(fixture.parked().await, []);
}

/// A reader looks all the time: no order is ever away, and none goes back.
async fn readers_see_no_gap_and_nothing_that_goes_back(fixture: Fixture) {
    let fixture = fixture.with_outbox().await;
    let mut records = Vec::new();
    let mut history = vec![event(1, user_created(1, "ana")), event(1, product_created(1, 9))];
    for id in 1..=20 {
        history.push(event(1, order_created(id, 1, 1, Some(user_data(1, "ana", 1)))));
    }
    fixture.outbox(&history).await;
    fixture.handle(&history.iter().map(record).collect::<Vec<_>>()).await;
    for (sequence, status) in
        [(3, OrderStatus::Processing), (4, OrderStatus::Shipped), (5, OrderStatus::Delivered)]
    {
        for id in 1..=20 {
            if sequence == 3 {
                records.push(event(2, order_paid(id)));
            }
            records.push(event(sequence, order_updated(id, status)));
        }
    }
    fixture.outbox(&records).await;
    let over = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn(read_on(fixture.clone(), Arc::clone(&over)));
    let projector = fixture.projector();
    let live = tokio::spawn({
        let records: Vec<_> = records.iter().map(record).collect();
        async move {
            for records in records.chunks(3) {
                projector.handle(records).await.unwrap();
            }
        }
    });
    for _ in 0..5 {
        assert_eq!(fixture.rebuild().await.broken, Vec::<String>::new());
    }
    live.await.unwrap();
    over.store(true, Ordering::Relaxed);
    reader.await.unwrap();
    for id in 1..=20 {
        assert_eq!(fixture.order(id).await.unwrap().version, 5);
    }
}

async fn read_on(fixture: Fixture, over: Arc<AtomicBool>) {
    let mut seen = [1; 21];
    while !over.load(Ordering::Relaxed) {
        for (id, seen) in (1..).zip(&mut seen[1..]) {
            let version = fixture.order(id).await.unwrap().version;
            assert!(version >= *seen, "order {id} went from {seen} back to {version}");
            *seen = version;
        }
    }
}

async fn a_history_with_a_gap_is_left_as_it_is_and_told(fixture: Fixture) {
    let fixture = fixture.with_outbox().await;
    let history = [event(1, order_created(1, 1, 1, None)), event(3, order_updated(1, OrderStatus::Shipped))];
    fixture.outbox(&history).await;
    let rebuilt = fixture.rebuild().await;
    assert!(
        rebuilt.broken[0].contains("order 1") && rebuilt.broken[0].contains("order.updated 3"),
        "{rebuilt:?}"
    );
    assert!(fixture.order(1).await.is_none());
}

async fn what_waited_for_an_event_that_the_log_lost_waits_no_longer(fixture: Fixture) {
    let fixture = fixture.with_outbox().await;
    let history = [
        event(1, order_created(1, 1, 1, None)),
        event(2, order_paid(1)),
        event(3, order_updated(1, OrderStatus::Shipped)),
    ];
    fixture.outbox(&history).await;
    fixture.handle(&[record(&history[0]), record(&history[2])]).await;
    assert_eq!(fixture.parked().await.len(), 1);
    fixture.rebuild().await;
    assert_eq!(fixture.order(1).await.unwrap().status, "SHIPPED");
    assert_eq!(fixture.parked().await, []);
}

crate::on_every_engine!(
    damaged_missing_and_foreign_documents_are_what_their_history_gives_again,
    readers_see_no_gap_and_nothing_that_goes_back,
    a_history_with_a_gap_is_left_as_it_is_and_told,
    what_waited_for_an_event_that_the_log_lost_waits_no_longer,
);
