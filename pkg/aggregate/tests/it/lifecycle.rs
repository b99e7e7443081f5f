//! The queue, panics, and the end.

use esteira_aggregate::{CommandError, ExecutorSettings};
use esteira_testkit::{DEADLINE, TestDb, eventually, on_every_engine};
use futures::future::join_all;
use tokio::time::timeout;

use crate::counters::Command;
use crate::fixture::{Fixture, SETTINGS, add, done, plain};

on_every_engine!(
    a_full_queue_refuses_clients_and_lets_reactions_wait,
    a_panic_costs_its_batch_and_no_other,
    closing_finishes_what_was_handed_in,
    an_idle_submitter_does_not_hold_the_end_up,
);

async fn a_full_queue_refuses_clients_and_lets_reactions_wait(test: TestDb) {
    let fixture = Fixture::with(test, ExecutorSettings { batch_max: 1, queue: 2, workers: 1 }).await;
    fixture.given(1, 0).await;
    fixture.service.open_gate(false);
    let mut first = std::pin::pin!(fixture.submit(plain(add(1, 1))));
    assert!(futures::poll!(&mut first).is_pending());
    eventually("the worker is busy", async || (fixture.service.batches().len() == 2).then_some(())).await;
    let mut waiting =
        std::pin::pin!(join_all([fixture.submit(plain(add(1, 1))), fixture.submit(plain(add(1, 1)))]));
    assert!(futures::poll!(&mut waiting).is_pending());
    assert_eq!(fixture.submit(plain(add(1, 1))).await, Err(CommandError::Overloaded));
    let mut reaction = std::pin::pin!(fixture.submitter.submit_waiting(plain(add(1, 1))));
    assert!(futures::poll!(&mut reaction).is_pending());
    fixture.service.open_gate(true);
    for answer in [vec![first.await], waiting.await, vec![reaction.await]].concat() {
        done(answer);
    }
    assert_eq!(fixture.value(1).await, 4);
}

async fn a_panic_costs_its_batch_and_no_other(test: TestDb) {
    let fixture = Fixture::with(test, ExecutorSettings { workers: 1, ..SETTINGS }).await;
    fixture.given(1, 0).await;
    let answers = fixture.submit_together([add(1, 1), Command::Panic, add(1, 1)].map(plain).into()).await;
    assert!(answers.iter().all(|answer| *answer == Err(CommandError::Internal)), "{answers:?}");
    assert_eq!(fixture.value(1).await, 0);
    for _ in 0..3 {
        assert_eq!(fixture.submit(plain(Command::Panic)).await, Err(CommandError::Internal));
    }
    assert_eq!(done(fixture.submit(plain(add(1, 1))).await).version, 2);
    fixture.assert_consistent().await;
}

async fn closing_finishes_what_was_handed_in(test: TestDb) {
    let Fixture { test, service, executor, submitter } =
        Fixture::with(test, ExecutorSettings { batch_max: 4, ..SETTINGS }).await;
    done(submitter.submit(plain(Command::Open("a".into()))).await);
    service.open_gate(false);
    let mut calls = Box::pin(join_all((0..50).map(|_| submitter.submit(plain(add(1, 1))))));
    assert!(futures::poll!(&mut calls).is_pending());
    service.open_gate(true);
    let ((), answers) = timeout(DEADLINE, async { tokio::join!(executor.close(), calls) }).await.unwrap();
    for answer in answers {
        done(answer);
    }
    assert_eq!(test.int("select value from counters").await, 50);
}

async fn an_idle_submitter_does_not_hold_the_end_up(test: TestDb) {
    let Fixture { executor, submitter, .. } = Fixture::new(test).await;
    done(submitter.submit(plain(Command::Open("a".into()))).await);
    timeout(DEADLINE, executor.close()).await.expect("the executor closes");
    assert_eq!(submitter.submit(plain(add(1, 1))).await, Err(CommandError::Unavailable));
    assert_eq!(submitter.submit_waiting(plain(add(1, 1))).await, Err(CommandError::Unavailable));
}
