//! The projector in the consumer loop, killed at any moment.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use esteira_bus::{Log, Worker};
use esteira_events::{Event, Topics};
use esteira_projector::{GROUP, TOPICS};
use esteira_telemetry::Health;
use esteira_testkit::eventually;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::events::new_record;
use crate::fixture::Fixture;
use crate::history::written;
use crate::hooks::{Action, Hooked, Paused, pause};
use crate::oracle::{expected, shown, version};

/// A long history, published in its order to topics of three partitions.
async fn published(fixture: &Fixture) -> Vec<Event> {
    let steps = prop::collection::vec((0..10_u8, 1..9_i64, any::<u8>()), 400);
    let history = written(&steps.new_tree(&mut TestRunner::deterministic()).unwrap().current());
    let records = history.iter().map(new_record).collect();
    assert!(fixture.log.publish(records).await.iter().all(Result::is_ok));
    history
}

/// A projector in a loop of small batches, which pauses before its call with this number.
fn start(fixture: &Fixture, calls: usize, stop: &CancellationToken) -> (JoinHandle<()>, Paused) {
    let (first, paused) = pause();
    let (mut first, mut left) = (Some(first), calls);
    let hooked = Hooked::new(&fixture.views, move |_| {
        left = left.wrapping_sub(1);
        let pause = if left == 0 { first.take() } else { None };
        pause.map_or(Action::Proceed, Action::Pause)
    });
    let worker = Worker {
        log: Arc::clone(&fixture.log) as Arc<dyn Log>,
        group: GROUP.to_owned(),
        topics: Topics::default().names(&TOPICS),
        handler: fixture.hooked(&hooked),
        stage: Health::new().stage("projector"),
        batch: 7,
    };
    (tokio::spawn(worker.run(stop.clone())), paused)
}

async fn lag(fixture: &Fixture) -> (i64, HashMap<(String, i32), i64>) {
    let topics = Topics::default().names(&TOPICS);
    let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
    let lag = fixture.log.lag(GROUP, &topics).await.unwrap();
    let behind = lag.iter().map(esteira_bus::PartitionLag::lag).sum();
    let committed = |lag: esteira_bus::PartitionLag| ((lag.topic, lag.partition), lag.committed.unwrap_or(0));
    (behind, lag.into_iter().map(committed).collect())
}

/// Every event whose offset is committed is in its view, or parked.
async fn committed_is_done(fixture: &Fixture) {
    // Committed offsets first: what is done by then can only grow.
    let (_, committed) = lag(fixture).await;
    let (shown, parked) = (shown(fixture).await, fixture.parked().await);
    for ((topic, partition), offset) in committed {
        let event_type = topic.parse().unwrap();
        for record in fixture.log.read(&topic, partition, 0, 10_000).await.unwrap() {
            let event = Event::decode(event_type, record.value.as_deref()).unwrap();
            let (sequence, id) = (event.sequence().unwrap(), event.aggregate_id());
            let is_parked =
                parked.iter().any(|(key, _)| *key == format!("{}:{id}:{sequence}", event.aggregate()));
            let is_done = version(&shown, &event) >= sequence || is_parked;
            assert!(record.offset >= offset || is_done, "{topic} {partition} {}: {event:?}", record.offset);
        }
    }
}

async fn caught_up(fixture: &Fixture) {
    eventually("everything is projected", || async {
        let (behind, _) = lag(fixture).await;
        (behind == 0 && fixture.parked().await.is_empty()).then_some(())
    })
    .await;
}

async fn killed_again_and_again_it_loses_and_doubles_nothing(fixture: Fixture) {
    let history = published(&fixture).await;
    let never = CancellationToken::new();
    for calls in (1..60).chain([75, 90, 110]) {
        let (task, paused) = start(&fixture, calls, &never);
        // It may have nothing left to do.
        let done = tokio::select! {
            reached = paused.reached => reached.is_err(),
            () = caught_up(&fixture) => true,
        };
        task.abort();
        // Gone, whatever it was about to do.
        assert!(task.await.unwrap_err().is_cancelled());
        committed_is_done(&fixture).await;
        if done {
            break;
        }
    }
    let (task, _paused) = start(&fixture, usize::MAX, &never);
    caught_up(&fixture).await;
    task.abort();
    assert_eq!(shown(&fixture).await, expected(&history));
}

/// Two members of the group, one of which stops in the middle, is taken for dead by nobody and comes back.
async fn two_members_that_come_and_go_lose_and_double_nothing(fixture: Fixture) {
    let history = published(&fixture).await;
    let never = CancellationToken::new();
    let (steady, _held) = start(&fixture, usize::MAX, &never);
    for calls in [3, 7, 12, 20, 33] {
        let (task, paused) = start(&fixture, calls, &never);
        tokio::select! {
            _ = paused.reached => {}
            () = caught_up(&fixture) => {}
        }
        task.abort();
        let _ = task.await;
    }
    caught_up(&fixture).await;
    steady.abort();
    assert_eq!(shown(&fixture).await, expected(&history));
}

async fn stopping_finishes_and_commits_the_batch_in_hand(fixture: Fixture) {
    published(&fixture).await;
    let stop = CancellationToken::new();
    let (task, paused) = start(&fixture, 7, &stop);
    paused.reached.await.unwrap();
    assert_eq!(lag(&fixture).await.1.values().sum::<i64>(), 0);
    stop.cancel();
    paused.go.send(()).unwrap();
    task.await.unwrap();
    assert_eq!(lag(&fixture).await.1.values().sum::<i64>(), 7);
    committed_is_done(&fixture).await;
}

/// While the views are away the loop is paused, and what it holds is not committed.
async fn an_outage_commits_nothing_and_passes(fixture: Fixture) {
    let history = published(&fixture).await;
    let fails = Arc::new(Mutex::new(3));
    let left = Arc::clone(&fails);
    // The member's look for Go's writes and its first tick are let through, so that the batch is what meets the outage.
    let mut calls = 0;
    let hooked = Hooked::new(&fixture.views, move |_| {
        calls += 1;
        let mut left = left.lock().unwrap();
        if calls <= 3 || *left == 0 {
            return Action::Proceed;
        }
        *left -= 1;
        Action::Fail(crate::hooks::unavailable())
    });
    let health = Health::new();
    let worker = Worker {
        log: Arc::clone(&fixture.log) as Arc<dyn Log>,
        group: GROUP.to_owned(),
        topics: Topics::default().names(&TOPICS),
        handler: fixture.hooked(&hooked),
        stage: health.stage("projector"),
        batch: 64,
    };
    let task = tokio::spawn(worker.run(CancellationToken::new()));
    eventually("the stage pauses", || async {
        let left = *fails.lock().unwrap();
        (left < 3).then_some(())
    })
    .await;
    committed_is_done(&fixture).await;
    caught_up(&fixture).await;
    task.abort();
    assert_eq!(shown(&fixture).await, expected(&history));
}

crate::on_every_engine!(
    killed_again_and_again_it_loses_and_doubles_nothing,
    two_members_that_come_and_go_lose_and_double_nothing,
    stopping_finishes_and_commits_the_batch_in_hand,
    an_outage_commits_nothing_and_passes,
);
