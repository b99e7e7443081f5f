//! More than one dispatcher.

use std::sync::Arc;
use std::time::Duration;

use esteira_events::EventType;
use esteira_outbox::{Lease, balance, leave};
use esteira_telemetry::State;
use esteira_testkit::{TestDb, eventually, on_every_engine};

use crate::fixture::{Fixture, created, oversize, updated};
use crate::log::FaultyLog;

on_every_engine!(
    two_dispatchers_share_the_slots_and_send_nothing_twice,
    dispatchers_that_come_and_go_keep_each_key_in_order,
    when_one_stops_the_other_takes_over,
    when_one_is_killed_the_other_takes_over,
    on_a_store_of_its_own_nobody_waits_for_who_was_killed,
    on_a_store_of_its_own_an_outage_at_the_start_is_waited_out,
    one_without_the_log_leaves_its_slots_to_others,
    a_stale_owner_marks_nothing,
    an_owner_keeps_its_slots_while_it_looks_through_many_rows_that_wait,
);

/// The tokens of all slots: each has had as many owners.
async fn tokens(fixture: &Fixture) -> Vec<i64> {
    fixture.test.ints("select token from leases").await
}

async fn owners(fixture: &Fixture) -> Vec<String> {
    fixture.test.texts("select owner from leases where expires_at > 0 group by owner order by owner").await
}

async fn until_owned_by(fixture: &Fixture, expected: &[&str]) {
    eventually("the slots are shared", async || (owners(fixture).await == expected).then_some(())).await;
}

/// All slots are those of one that was killed, and an event waits.
async fn after_a_kill(test: TestDb) -> Fixture {
    let fixture = Fixture::new(test).await;
    let killed = fixture.start_alone("killed");
    until_owned_by(&fixture, &["killed"]).await;
    killed.kill().await;
    fixture.given(vec![created(1)]).await;
    fixture
}

async fn on_a_store_of_its_own_nobody_waits_for_who_was_killed(test: TestDb) {
    let fixture = after_a_kill(test).await;
    let next = fixture.start_alone("next");
    fixture.until_left(&[]).await;
    next.stop().await;
}

async fn on_a_store_of_its_own_an_outage_at_the_start_is_waited_out(test: TestDb) {
    let fixture = after_a_kill(test).await;
    fixture.test.execute("alter table dispatchers rename to away").await;
    let next = fixture.start_alone("next");
    let paused = async || (fixture.stage.report().state == State::Paused).then_some(());
    eventually("the dispatcher pauses", paused).await;
    fixture.test.execute("alter table away rename to dispatchers").await;
    fixture.until_left(&[]).await;
    next.stop().await;
}

async fn two_dispatchers_share_the_slots_and_send_nothing_twice(test: TestDb) {
    let fixture = Fixture::new(test).await;
    let other = if fixture.test.mysql_options().is_some() {
        fixture.test.another().await
    } else {
        fixture.test.db.clone()
    };
    let dispatchers = [fixture.start("a"), fixture.start_with("b", &other, 16)];
    for round in 0..10 {
        fixture.given((1..=10).map(|n| created(round * 10 + n)).collect()).await;
    }
    until_owned_by(&fixture, &["a", "b"]).await;
    for round in 10..20 {
        fixture.given((1..=10).map(|n| created(round * 10 + n)).collect()).await;
    }
    // Go's rows tell only in their values whose they are.
    for order in 1..=32 {
        let value = format!(
            r#"{{"event_id": "{}", "occurred_at": "2026-11-22T12:43:01Z", "order_id": {order}, "reason": "why"}}"#,
            uuid::Uuid::new_v4()
        );
        fixture
            .test
            .execute(&format!(
                "insert into outbox (event_type, payload) values ('order.canceled', '{value}')"
            ))
            .await;
    }
    fixture.until_left(&[]).await;
    assert_eq!(fixture.records(EventType::UserCreated).await.len(), 200);
    assert_eq!(fixture.records(EventType::OrderCanceled).await.len(), 32);
    for dispatcher in dispatchers {
        dispatcher.stop().await;
    }
}

async fn dispatchers_that_come_and_go_keep_each_key_in_order(test: TestDb) {
    const USERS: i64 = 24;
    let fixture = Fixture::new(test).await;
    fixture.given((1..=USERS).map(created).collect()).await;
    let mut running = vec![fixture.start_with("a", &fixture.test.db, 16)];
    let mut sequence = 1;
    for names in [&["a", "b"][..], &["a", "b", "c"], &["b", "c"], &["c"]] {
        if names.len() > running.len() {
            running.push(fixture.start_with(names[running.len()], &fixture.test.db, 16));
        } else {
            running.remove(0).stop().await;
        }
        while owners(&fixture).await != names {
            sequence += 1;
            fixture.given((1..=USERS).map(|user| updated(user, sequence)).collect()).await;
        }
    }
    fixture.until_left(&[]).await;
    for dispatcher in running {
        dispatcher.stop().await;
    }
    for user in 1..=USERS {
        let sequences = fixture.sequences(EventType::UserUpdated, user).await;
        assert_eq!(sequences, (2..=sequence).collect::<Vec<_>>(), "user {user}");
    }
}

async fn when_one_stops_the_other_takes_over(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture.given(vec![created(1)]).await;
    let first = fixture.start("a");
    fixture.until_left(&[]).await;
    let second = fixture.start("b");
    first.stop().await;
    fixture.given((2..=17).map(created).collect()).await;
    fixture.until_left(&[]).await;
    assert_eq!(owners(&fixture).await, ["b"]);
    second.stop().await;
    assert_eq!(fixture.records(EventType::UserCreated).await.len(), 17);
}

async fn when_one_is_killed_the_other_takes_over(test: TestDb) {
    let fixture = Fixture::new(test).await;
    let (first, second) = (fixture.start("a"), fixture.start("b"));
    until_owned_by(&fixture, &["a", "b"]).await;
    first.kill().await;
    fixture.given((1..=16).map(created).collect()).await;
    fixture.until_left(&[]).await;
    assert_eq!(owners(&fixture).await, ["b"]);
    second.stop().await;
    assert_eq!(fixture.records(EventType::UserCreated).await.len(), 16);
}

async fn one_without_the_log_leaves_its_slots_to_others(test: TestDb) {
    let fixture = Fixture::new(test).await;
    let log = Arc::new(FaultyLog::open().await);
    let dispatchers = [fixture.start("a"), fixture.start_to("b", &log)];
    until_owned_by(&fixture, &["a", "b"]).await;
    log.set_unreachable(true);
    fixture.given((1..=32).map(created).collect()).await;
    until_owned_by(&fixture, &["a"]).await;
    fixture.until_left(&[]).await;
    assert_eq!(fixture.records(EventType::UserCreated).await.len(), 32);
    log.set_unreachable(false);
    until_owned_by(&fixture, &["a", "b"]).await;
    for dispatcher in dispatchers {
        dispatcher.stop().await;
    }
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
    // It hangs in its send until its lease is over and another owner has its slots.
    fixture.test.execute("update leases set expires_at = 0").await;
    fixture.test.execute("delete from dispatchers").await;
    let mut held = Lease::new("b", Duration::from_secs(10));
    balance(&fixture.test.db, &mut held).await.unwrap();
    assert_eq!(held.names().count(), 16);
    fixture.log.set_acknowledging(true);
    eventually("it waits for slots", async || {
        (fixture.stage.report().state == esteira_telemetry::State::Ready).then_some(())
    })
    .await;
    assert_eq!(fixture.unpublished().await, [1]);
    leave(&fixture.test.db, &mut held).await.unwrap();
    fixture.until_left(&[]).await;
    dispatcher.stop().await;
    assert_eq!(fixture.records(EventType::UserCreated).await.len(), 2);
}

async fn an_owner_keeps_its_slots_while_it_looks_through_many_rows_that_wait(test: TestDb) {
    let fixture = Fixture::new(test).await;
    let waiting: Vec<_> = (2..=2_500).map(|n| updated(1, n)).collect();
    fixture.given([vec![oversize(1, 1)], waiting, vec![created(2)]].concat()).await;
    let dispatcher = fixture.start_with("a", &fixture.test.db, 1);
    fixture.until_left(&(1..=2_500).collect::<Vec<_>>()).await;
    dispatcher.stop().await;
    assert_eq!(tokens(&fixture).await, [1; 16], "each slot has had one owner");
}
