//! Early events, duplicates, and the moment between reading and parking.

use esteira_bus::Handler;
use esteira_events::OrderStatus;
use esteira_views::{ORDERS, PARKED, TOMBSTONES};

use crate::events::{
    made, order_created, order_paid, order_updated, product_created, product_updated, user_data,
};
use crate::fixture::Fixture;
use crate::hooks::{Hooked, Method};

async fn an_early_event_is_parked_and_woken_by_its_predecessor(fixture: Fixture) {
    fixture.handle(&[made(3, order_updated(1, OrderStatus::Processing))]).await;
    fixture.handle(&[made(2, order_paid(1))]).await;
    assert!(fixture.order(1).await.is_none());
    assert_eq!(
        fixture.parked().await,
        [("order:1:2".to_owned(), "waiting".to_owned()), ("order:1:3".to_owned(), "waiting".to_owned())]
    );
    fixture.handle(&[made(1, order_created(1, 1, 1, Some(user_data(1, "ana", 1))))]).await;
    let order = fixture.order(1).await.unwrap();
    assert_eq!((order.version, order.status.as_str(), order.paid_at.is_some()), (3, "PROCESSING", true));
    assert_eq!(fixture.parked().await, []);
}

async fn an_event_that_came_twice_is_applied_once(fixture: Fixture) {
    let (created, moved) = (made(1, product_created(1, 10)), made(2, product_updated(1, 7)));
    fixture.handle(&[created.clone(), moved.clone(), moved.clone(), created.clone()]).await;
    let before = fixture.product(1).await.unwrap();
    fixture.handle(&[moved, created]).await;
    assert_eq!(fixture.product(1).await.unwrap(), before);
    assert_eq!((before.version, before.stock), (2, 7));
}

/// The predecessor is applied by another projector just before the event is parked.
async fn parking_while_the_predecessor_is_applied_elsewhere_is_not_stuck(fixture: Fixture) {
    let (slow, paused) = Hooked::pausing(&fixture.views, |call| call.is(Method::Write, &PARKED));
    let slow = fixture.hooked(&slow);
    let parking = tokio::spawn(async move { slow.handle(&[made(2, order_paid(1))]).await });
    paused.reached.await.unwrap();
    fixture.handle(&[made(1, order_created(1, 1, 1, Some(user_data(1, "ana", 1))))]).await;
    assert_eq!(fixture.order(1).await.unwrap().version, 1);
    paused.go.send(()).unwrap();
    parking.await.unwrap().unwrap();
    assert_eq!(fixture.order(1).await.unwrap().version, 2);
    assert_eq!(fixture.parked().await, []);
}

/// As above, for an event without a sequence, which waits for the document.
async fn parking_while_the_document_is_created_elsewhere_is_not_stuck(fixture: Fixture) {
    let (slow, paused) = Hooked::pausing(&fixture.views, |call| call.is(Method::Write, &PARKED));
    let slow = fixture.hooked(&slow);
    let parking = tokio::spawn(async move { slow.handle(&[made(0, order_paid(1))]).await });
    paused.reached.await.unwrap();
    fixture.handle(&[made(0, order_created(1, 1, 1, None))]).await;
    assert_eq!(fixture.order(1).await.unwrap().status, "CREATED");
    paused.go.send(()).unwrap();
    parking.await.unwrap().unwrap();
    assert_eq!(fixture.order(1).await.unwrap().status, "PAID");
    assert_eq!(fixture.parked().await, []);
}

/// Another projector applies the same events between our read and our write.
async fn a_write_that_is_overtaken_is_folded_again(fixture: Fixture) {
    let created = made(1, order_created(1, 1, 1, Some(user_data(1, "ana", 1))));
    let (paid, updated) = (made(2, order_paid(1)), made(3, order_updated(1, OrderStatus::Processing)));
    fixture.handle(&[created]).await;
    let (slow, paused) = Hooked::pausing(&fixture.views, |call| call.is(Method::Write, &ORDERS));
    let slow = fixture.hooked(&slow);
    let both = [paid.clone(), updated];
    let overtaken = tokio::spawn(async move { slow.handle(&both).await });
    paused.reached.await.unwrap();
    fixture.handle(&[paid]).await;
    paused.go.send(()).unwrap();
    overtaken.await.unwrap().unwrap();
    let order = fixture.order(1).await.unwrap();
    assert_eq!((order.version, order.status.as_str()), (3, "PROCESSING"));
}

/// A crash leaves a parked event behind whose predecessor is applied: the sweep finds it.
async fn what_nobody_woke_is_swept(fixture: Fixture) {
    fixture.handle(&[made(2, order_paid(1))]).await;
    let created = [made(1, order_created(1, 1, 1, Some(user_data(1, "ana", 1))))];
    let dying = Hooked::failing_once(&fixture.views, |call| call.is(Method::Get, &PARKED));
    fixture.hooked(&dying).handle(&created).await.unwrap_err();
    assert_eq!(fixture.order(1).await.unwrap().version, 1);
    fixture.sweep().await;
    assert_eq!(fixture.order(1).await.unwrap().version, 2);
    assert_eq!(fixture.parked().await, []);
}

async fn nothing_of_a_batch_is_lost_when_the_views_go_away_at_any_call(fixture: Fixture) {
    let records = [
        made(3, order_updated(1, OrderStatus::Processing)),
        made(1, order_created(1, 1, 1, Some(user_data(1, "ana", 1)))),
        made(2, product_updated(1, 7)),
        made(2, order_paid(1)),
        made(1, product_created(1, 10)),
    ];
    for calls in 0..40 {
        let mut left = calls;
        let dying = Hooked::failing_once(&fixture.views, move |_| {
            left -= 1;
            left < 0
        });
        let outcome = fixture.hooked(&dying).handle(&records).await;
        fixture.handle(&records).await;
        assert_eq!(fixture.order(1).await.unwrap().version, 3, "away at call {calls}");
        assert_eq!(fixture.product(1).await.unwrap().version, 2, "away at call {calls}");
        fixture.sweep().await;
        assert_eq!(fixture.parked().await, [], "away at call {calls}");
        if outcome.is_ok() {
            return;
        }
        for collection in esteira_views::ALL_COLLECTIONS {
            fixture.views.delete_where(collection, &[]).await.unwrap();
        }
    }
    panic!("a batch took more than 40 calls, with tombstones in {}", TOMBSTONES.name);
}

crate::on_every_engine!(
    an_early_event_is_parked_and_woken_by_its_predecessor,
    an_event_that_came_twice_is_applied_once,
    parking_while_the_predecessor_is_applied_elsewhere_is_not_stuck,
    parking_while_the_document_is_created_elsewhere_is_not_stuck,
    a_write_that_is_overtaken_is_folded_again,
    what_nobody_woke_is_swept,
    nothing_of_a_batch_is_lost_when_the_views_go_away_at_any_call,
);
