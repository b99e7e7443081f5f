//! Go's events: no sequence, each published three times, in no order.

use std::sync::Arc;

use esteira_bus::{Handler, Record};
use esteira_events::{OrderStatus, Payload};
use esteira_views::{OrderView, Views};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::events::{
    made, moved, order_canceled, order_created, order_paid, order_updated, product_created, product_updated,
    user_created, user_updated,
};
use crate::fixture::{Fixture, with_sqlite};
use crate::hooks::{Call, Hooked, Method};

/// As Go's dispatcher publishes them.
fn thrice(records: &[Record]) -> Vec<Record> {
    records.iter().flat_map(|record| [record.clone(), record.clone(), record.clone()]).collect()
}

async fn a_payment_before_its_order_is_applied_once_when_the_order_comes(fixture: Fixture) {
    fixture.handle(&thrice(&[made(0, user_created(1, "ana")), made(0, product_created(1, 9))])).await;
    fixture.handle(&thrice(&[made(0, order_paid(1))])).await;
    assert!(fixture.order(1).await.is_none());
    fixture.handle(&thrice(&[made(0, order_created(1, 1, 1, None))])).await;
    let order = fixture.order(1).await.unwrap();
    assert_eq!((order.status.as_str(), order.version, order.revision), ("PAID", 1, 1));
    assert_eq!((order.user.name.as_str(), order.items[0].product.name.as_str()), ("ana", "product 1"));
    assert_eq!(order.total_amount.cents(), 2_000);
    assert_eq!(fixture.parked().await, []);
}

async fn a_user_that_comes_after_its_order_fills_the_facet(fixture: Fixture) {
    fixture.handle(&[made(0, order_created(1, 1, 1, None))]).await;
    assert_eq!(fixture.order(1).await.unwrap().user.name, "");
    fixture.handle(&[made(0, user_created(1, "ana"))]).await;
    assert_eq!(fixture.order(1).await.unwrap().user.name, "ana");
}

async fn the_facet_follows_changes_of_a_user_that_have_no_sequence(fixture: Fixture) {
    fixture.handle(&[made(0, user_created(1, "ana")), made(0, order_created(1, 1, 1, None))]).await;
    for name in ["eva", "ida"] {
        fixture.handle(&thrice(&[made(0, user_updated(1, name))])).await;
        assert_eq!(fixture.order(1).await.unwrap().user.name, name);
    }
    fixture.handle(&[made(0, order_created(2, 1, 1, None))]).await;
    assert_eq!(fixture.order(2).await.unwrap().user.name, "ida");
    // A user of ours again: the sequence counts more than what has none.
    fixture.handle(&[made(2, user_updated(1, "uta"))]).await;
    for order in [1, 2] {
        assert_eq!(fixture.order(order).await.unwrap().user.name, "uta");
    }
}

async fn a_stock_move_that_comes_three_times_moves_once(fixture: Fixture) {
    let moves = [
        made(0, Payload::StockReserved(moved(1, 3, None))),
        made(0, Payload::StockReleased(moved(1, 1, None))),
    ];
    fixture.handle(&thrice(&moves)).await;
    fixture.handle(&[made(0, product_created(1, 10))]).await;
    assert_eq!(fixture.product(1).await.unwrap().stock, 8);
    fixture.handle(&thrice(&moves)).await;
    assert_eq!(fixture.product(1).await.unwrap().stock, 8);
}

async fn a_whole_batch_of_moves_that_comes_again_after_a_crash_moves_once(fixture: Fixture) {
    let moves: Vec<Record> = (0..256).map(|_| made(0, Payload::StockReserved(moved(1, 1, None)))).collect();
    fixture.handle(&[made(0, product_created(1, 1_000))]).await;
    fixture.handle(&moves).await;
    fixture.handle(&moves).await;
    assert_eq!(fixture.product(1).await.unwrap().stock, 744);
}

/// Together with so many that happened before it that its document would forget it for them.
async fn a_move_that_comes_again_among_many_older_ones_moves_once(fixture: Fixture) {
    let moves = |count: usize| -> Vec<Record> {
        (0..count).map(|_| made(0, Payload::StockReserved(moved(1, 1, None)))).collect()
    };
    let (mut older, known) = (moves(600), moves(512));
    fixture.handle(&[made(0, product_created(1, 2_000))]).await;
    fixture.handle(&known).await;
    older.extend(known);
    fixture.handle(&older).await;
    assert_eq!(fixture.product(1).await.unwrap().stock, 888);
}

async fn a_quantity_beyond_reason_is_no_panic(fixture: Fixture) {
    fixture.handle(&[made(0, product_created(1, 10))]).await;
    fixture.handle(&[made(0, Payload::StockReserved(moved(1, i64::MIN, None)))]).await;
    fixture.handle(&[made(0, Payload::StockReleased(moved(1, i64::MAX, None)))]).await;
    assert_eq!(fixture.product(1).await.unwrap().stock, i64::MAX);
}

/// Two workers have read the same document, and each has another event for it.
async fn two_workers_with_different_events_of_one_document_lose_none(fixture: Fixture) {
    fixture.handle(&[made(0, product_created(1, 10)), made(0, order_created(1, 1, 1, None))]).await;
    let is_view = |call: &Call<'_>| call.method == Method::Write;
    let (slow, paused) = Hooked::pausing(&fixture.views, is_view);
    let slow = fixture.hooked(&slow);
    let first = [made(0, Payload::StockReserved(moved(1, 3, None))), made(0, order_paid(1))];
    let second = [made(0, Payload::StockReserved(moved(1, 4, None))), made(0, order_canceled(1, "late"))];
    let overtaken = tokio::spawn({
        let first = first.clone();
        async move { slow.handle(&first).await }
    });
    paused.reached.await.unwrap();
    fixture.handle(&second).await;
    paused.go.send(()).unwrap();
    overtaken.await.unwrap().unwrap();
    // At once, and still when both come again.
    for _ in 0..2 {
        assert_eq!(fixture.product(1).await.unwrap().stock, 3);
        let order = fixture.order(1).await.unwrap();
        assert_eq!((order.status.as_str(), order.revision), ("CANCELED", 2));
        assert_eq!(order.payment_method.as_deref(), Some("PIX"));
        fixture.handle(&[first.clone(), second.clone()].concat()).await;
    }
}

async fn an_unsequenced_event_does_not_overwrite_a_sequenced_one_that_came_between(fixture: Fixture) {
    fixture.handle(&[made(0, order_created(1, 1, 1, None))]).await;
    let (slow, paused) = Hooked::pausing(&fixture.views, |call| call.method == Method::Write);
    let slow = fixture.hooked(&slow);
    let shipping = [made(0, order_updated(1, OrderStatus::Shipped))];
    let overtaken = tokio::spawn(async move { slow.handle(&shipping).await });
    paused.reached.await.unwrap();
    fixture.handle(&[made(2, order_canceled(1, "ours"))]).await;
    paused.go.send(()).unwrap();
    overtaken.await.unwrap().unwrap();
    let order = fixture.order(1).await.unwrap();
    assert_eq!((order.version, order.revision, order.status.as_str()), (2, 1, "CANCELED"));
}

/// Both in one batch, in either order: our change came after Go's.
async fn the_later_of_two_changes_is_shown_however_close_they_are(fixture: Fixture) {
    for id in [1, 2] {
        fixture.handle(&[made(0, product_created(id, 9))]).await;
        let mut changes = vec![made(0, product_updated(id, 5)), made(2, product_updated(id, 3))];
        if id == 2 {
            changes.reverse();
        }
        fixture.handle(&changes).await;
        let product = fixture.product(id).await.unwrap();
        assert_eq!((product.stock, product.version, product.revision), (3, 2, 1));
    }
}

/// Our reaction to the stock had not seen Go's payment.
async fn a_sequenced_event_takes_no_status_back_that_an_unsequenced_one_brought(fixture: Fixture) {
    fixture.handle(&[made(0, order_created(1, 1, 1, None))]).await;
    let ours = made(2, order_updated(1, OrderStatus::Created));
    fixture.handle(&[made(0, order_paid(1))]).await;
    fixture.handle(&[ours]).await;
    let order = fixture.order(1).await.unwrap();
    assert_eq!((order.status.as_str(), order.version), ("PAID", 2));
}

crate::on_every_engine!(
    the_later_of_two_changes_is_shown_however_close_they_are,
    a_sequenced_event_takes_no_status_back_that_an_unsequenced_one_brought,
    a_payment_before_its_order_is_applied_once_when_the_order_comes,
    a_user_that_comes_after_its_order_fills_the_facet,
    the_facet_follows_changes_of_a_user_that_have_no_sequence,
    a_stock_move_that_comes_three_times_moves_once,
    a_whole_batch_of_moves_that_comes_again_after_a_crash_moves_once,
    a_move_that_comes_again_among_many_older_ones_moves_once,
    a_quantity_beyond_reason_is_no_panic,
    two_workers_with_different_events_of_one_document_lose_none,
    an_unsequenced_event_does_not_overwrite_a_sequenced_one_that_came_between,
);

/// What must not depend on the order: not which ids came in which.
fn without_ids(order: OrderView) -> OrderView {
    OrderView { applied: order.applied.map(|_| Vec::new()), ..order }
}

/// Deals `records`, each three times, to two projectors.
async fn dealt(fixture: &Fixture, records: &[Record], lots: &[u32]) -> OrderView {
    let mut drawn: Vec<(u32, Record)> = Vec::new();
    for (place, record) in thrice(records).into_iter().enumerate() {
        drawn.push((lots[place % lots.len()], record));
    }
    fixture.deal(drawn).await;
    without_ids(fixture.order(1).await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_order_of_an_orders_unsequenced_events_gives_the_same_view() {
    with_sqlite(|fixture| async move {
        let records = [
            made(0, order_created(1, 1, 1, None)),
            made(0, order_paid(1)),
            made(0, order_updated(1, OrderStatus::Shipped)),
            made(0, order_updated(1, OrderStatus::Processing)),
            made(0, order_canceled(1, "changed mind")),
        ];
        fixture.handle(&records).await;
        let expected = without_ids(fixture.order(1).await.unwrap());
        assert_eq!((expected.status.as_str(), expected.revision), ("CANCELED", 4));
        let runtime = tokio::runtime::Handle::current();
        let run = move || {
            let config = Config { cases: 64, failure_persistence: None, ..Config::default() };
            let lots = prop::collection::vec(any::<u32>(), 15);
            TestRunner::new(config).run(&lots, |lots| {
                runtime.block_on(async {
                    empty(&fixture.views).await;
                    prop_assert_eq!(&dealt(&fixture, &records, &lots).await, &expected);
                    prop_assert_eq!(fixture.parked().await, []);
                    Ok(())
                })
            })
        };
        tokio::task::spawn_blocking(run).await.unwrap().unwrap();
    })
    .await;
}

async fn empty(views: &Arc<dyn Views>) {
    for collection in esteira_views::ALL_COLLECTIONS {
        views.delete_where(collection, &[]).await.unwrap();
    }
}
