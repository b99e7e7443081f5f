//! More than one dispatcher.

use std::time::Duration;

use esteira_events::EventType;
use esteira_outbox::{acquire, release};
use esteira_testkit::{TestDb, eventually, on_every_engine};

use crate::fixture::{Fixture, created, oversize, updated};

on_every_engine!(
    of_two_dispatchers_one_publishes,
    when_one_stops_the_other_takes_over,
    a_stale_owner_marks_nothing,
    an_owner_keeps_its_lease_while_it_looks_through_many_rows_that_wait,
);

async fn of_two_dispatchers_one_publishes(test: TestDb) {
    let fixture = Fixture::new(test).await;
    let other = if fixture.test.mysql_options().is_some() {
        fixture.test.another().await
    } else {
        fixture.test.db.clone()
    };
    let dispatchers = [fixture.start("a"), fixture.start_with("b", &other, 16)];
    for round in 0..20 {
        fixture.given((1..=10).map(|n| created(round * 10 + n)).collect()).await;
    }
    fixture.until_left(&[]).await;
    assert_eq!(fixture.test.int("select token from leases").await, 1, "the lease has had one owner");
    assert_eq!(fixture.records(EventType::UserCreated).await.len(), 200);
    for dispatcher in dispatchers {
        dispatcher.stop().await;
    }
}

async fn when_one_stops_the_other_takes_over(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture.given(vec![created(1)]).await;
    let first = fixture.start("a");
    fixture.until_left(&[]).await;
    let second = fixture.start("b");
    first.stop().await;
    fixture.given(vec![created(2)]).await;
    fixture.until_left(&[]).await;
    assert_eq!(fixture.test.texts("select owner from leases").await, ["b"]);
    second.stop().await;
    assert_eq!(fixture.records(EventType::UserCreated).await.len(), 2);
}

async fn a_stale_owner_marks_nothing(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture.given(vec![created(1)]).await;
    fixture.log.set_acknowledging(false);
    let dispatcher = fixture.start("a");
    eventually("it has sent", async || {
        (fixture.records(EventType::UserCreated).await.len() == 1).then_some(())
    })
    .await;
    // It hangs in its send until its lease is over and another owner has it.
    fixture.test.execute("update leases set expires_at = 0").await;
    let held = acquire(&fixture.test.db, "dispatcher", "b", Duration::from_secs(10)).await.unwrap().unwrap();
    fixture.log.set_acknowledging(true);
    eventually("it waits for the lease", async || {
        (fixture.stage.report().state == esteira_telemetry::State::Ready).then_some(())
    })
    .await;
    assert_eq!(fixture.unpublished().await, [1]);
    release(&fixture.test.db, &held).await.unwrap();
    fixture.until_left(&[]).await;
    dispatcher.stop().await;
    assert_eq!(fixture.records(EventType::UserCreated).await.len(), 2);
}

async fn an_owner_keeps_its_lease_while_it_looks_through_many_rows_that_wait(test: TestDb) {
    let fixture = Fixture::new(test).await;
    let waiting: Vec<_> = (2..=2_500).map(|n| updated(1, n)).collect();
    fixture.given([vec![oversize(1, 1)], waiting, vec![created(2)]].concat()).await;
    let dispatchers = ["a", "b"].map(|owner| fixture.start_with(owner, &fixture.test.db, 1));
    fixture.until_left(&(1..=2_500).collect::<Vec<_>>()).await;
    for dispatcher in dispatchers {
        dispatcher.stop().await;
    }
    assert_eq!(fixture.test.int("select token from leases").await, 1, "the lease has had one owner");
}
