//! A reaction's effect and its mark are one transaction.

use esteira_aggregate::{Answer, ExecutorSettings};
use esteira_testkit::{TestDb, on_every_engine};
use futures::future::join_all;

use crate::counters::Rejected;
use crate::fixture::{Fixture, SETTINGS, add, done, reaction, rejected};

on_every_engine!(
    an_event_that_comes_again_is_a_duplicate,
    an_event_twice_in_a_batch_has_one_effect,
    an_event_on_two_executors_has_one_effect,
    a_refused_event_is_handled_too,
);

async fn an_event_that_comes_again_is_a_duplicate(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture.given(1, 0).await;
    done(fixture.submit(reaction(add(1, 1), "event")).await);
    assert_eq!(fixture.submit(reaction(add(1, 1), "event")).await, Ok(Answer::Duplicate));
    assert_eq!(fixture.value(1).await, 1);
    assert_eq!(fixture.test.texts("select service_name from processed_events").await, ["counters"]);
}

async fn an_event_twice_in_a_batch_has_one_effect(test: TestDb) {
    let fixture = Fixture::with(test, ExecutorSettings { workers: 1, ..SETTINGS }).await;
    fixture.given(1, 0).await;
    let inputs = ["a", "b", "a", "b", "a"].map(|event| reaction(add(1, 1), event));
    let answers = fixture.submit_together(inputs.into()).await;
    assert_eq!(answers.iter().filter(|answer| **answer == Ok(Answer::Duplicate)).count(), 3, "{answers:?}");
    assert_eq!(fixture.value(1).await, 2);
    fixture.assert_consistent().await;
}

async fn an_event_on_two_executors_has_one_effect(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture.given(1, 0).await;
    let second = fixture.second_executor().await;
    let submitters = [fixture.submitter.clone(), second.submitter()];
    let calls = (0..60).map(|n| {
        let submitter = submitters[n % 2].clone();
        async move { submitter.submit_waiting(reaction(add(1, 1), &format!("event {}", n / 6))).await }
    });
    for six in join_all(calls).await.chunks(6) {
        let is_done = |answer: &&_| matches!(answer, Ok(Answer::Done(_)));
        assert_eq!(six.iter().filter(is_done).count(), 1, "{six:?}");
        assert!(six.iter().all(Result::is_ok), "{six:?}");
    }
    assert_eq!(fixture.value(1).await, 10);
    fixture.assert_consistent().await;
}

async fn a_refused_event_is_handled_too(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture.given(1, 0).await;
    assert_eq!(fixture.submit(reaction(add(1, -1), "event")).await, rejected(Rejected::BelowZero));
    assert_eq!(fixture.submit(reaction(add(1, -1), "event")).await, Ok(Answer::Duplicate));
}
