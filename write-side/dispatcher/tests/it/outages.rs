//! A log that is away pauses the belt, and nothing is lost or out of order.

use esteira_events::EventType;
use esteira_telemetry::State;
use esteira_testkit::{TestDb, eventually, on_every_engine};

use crate::fixture::{Fixture, created, decoded, updated};

on_every_engine!(
    an_outage_pauses_and_marks_nothing_and_then_all_drains_in_order,
    a_dispatcher_killed_before_it_marked_publishes_the_same_event_again,
);

async fn an_outage_pauses_and_marks_nothing_and_then_all_drains_in_order(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture.log.set_away(true);
    fixture.given((1..=4).map(created).collect()).await;
    let dispatcher = fixture.start("a");
    eventually("three attempts", async || (fixture.log.waves().len() >= 3).then_some(())).await;
    assert_eq!(fixture.stage.report().state, State::Paused);
    assert!(fixture.stage.report().reason.unwrap().contains("event log"));
    fixture.given((2..=40).flat_map(|n| (1..=4).map(move |user| updated(user, n))).collect()).await;
    assert_eq!(fixture.unpublished().await.len(), 160);
    assert_eq!(fixture.test.int("select max(attempts) from outbox").await, 0);
    fixture.log.set_away(false);
    fixture.until_left(&[]).await;
    eventually("it is ready", async || (fixture.stage.report().state == State::Ready).then_some(())).await;
    dispatcher.stop().await;
    for user in 1..=4 {
        assert_eq!(fixture.sequences(EventType::UserCreated, user).await, [1]);
        assert_eq!(fixture.sequences(EventType::UserUpdated, user).await, (2..=40).collect::<Vec<_>>());
    }
}

async fn a_dispatcher_killed_before_it_marked_publishes_the_same_event_again(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture.given(vec![created(1)]).await;
    fixture.log.set_acknowledging(false);
    let killed = fixture.start("a");
    eventually("it is in the log", async || {
        (fixture.records(EventType::UserCreated).await.len() == 1).then_some(())
    })
    .await;
    killed.kill().await;
    assert_eq!(fixture.unpublished().await, [1]);
    fixture.log.set_acknowledging(true);
    // Nobody gave the lease up: it ends by the store's clock.
    let next = fixture.start("b");
    fixture.until_left(&[]).await;
    next.stop().await;
    let records = fixture.records(EventType::UserCreated).await;
    let ids: Vec<_> =
        records.iter().map(|record| decoded(EventType::UserCreated, record).meta.event_id).collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1]);
    assert_eq!(records[0].header("ce_id"), records[1].header("ce_id"));
    assert_eq!(fixture.test.ints("select kafka_offset from outbox").await, [1]);
}
