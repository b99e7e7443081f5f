//! Rows that others change or lock.

use std::sync::atomic::Ordering;

use esteira_aggregate::CommandError;
use esteira_sql::on;
use esteira_testkit::{TestDb, eventually, on_every_engine, on_mysql};
use futures::future::join_all;

use crate::counters::Command;
use crate::fixture::{Fixture, add, done, plain};

on_every_engine!(
    a_command_that_lost_its_version_is_redone,
    a_batch_that_lost_its_versions_is_redone,
    a_row_that_changes_every_time_is_given_up,
    commands_that_deadlock_are_all_done,
    parallel_commands_on_one_row_are_all_done,
);
on_mysql!(a_command_waits_for_a_lock, a_lock_that_never_goes_is_given_up);

async fn a_command_that_lost_its_version_is_redone(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture.given(1, 0).await;
    fixture.service.stale.store(2, Ordering::SeqCst);
    assert_eq!(done(fixture.submit(plain(add(1, 5))).await).version, 2);
    assert_eq!((fixture.value(1).await, fixture.service.stale.load(Ordering::SeqCst)), (5, 0));
    fixture.assert_consistent().await;
}

async fn a_batch_that_lost_its_versions_is_redone(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture.given(20, 0).await;
    fixture.service.stale.store(6, Ordering::SeqCst);
    let answers = join_all((1..=20).map(|id| fixture.submit(plain(add(id, 1))))).await;
    assert!(answers.into_iter().all(|answer| done(answer).version == 2));
    fixture.assert_consistent().await;
}

async fn a_row_that_changes_every_time_is_given_up(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture.given(1, 0).await;
    fixture.service.stale.store(u32::MAX, Ordering::SeqCst);
    assert_eq!(fixture.submit(plain(add(1, 5))).await, Err(CommandError::Contended));
    assert!(fixture.service.batches().len() < 20, "a bounded number of times");
    fixture.service.stale.store(0, Ordering::SeqCst);
    done(fixture.submit(plain(add(1, 5))).await);
    fixture.assert_consistent().await;
}

async fn commands_that_deadlock_are_all_done(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture.given(2, 100).await;
    let second = fixture.second_executor().await;
    let submitters = [fixture.submitter.clone(), second.submitter()];
    let calls = (0..40).map(|n| {
        let submitter = submitters[n % 2].clone();
        let (from, to) = if n % 2 == 0 { (1, 2) } else { (2, 1) };
        async move { submitter.submit(plain(Command::Move { from, to, by: 1 })).await }
    });
    for answer in join_all(calls).await {
        done(answer);
    }
    assert_eq!((fixture.value(1).await, fixture.value(2).await), (100, 100));
    fixture.assert_consistent().await;
}

async fn parallel_commands_on_one_row_are_all_done(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture.given(1, 0).await;
    let second = fixture.second_executor().await;
    let submitters = [fixture.submitter.clone(), second.submitter()];
    let calls = (0..200).map(|n| {
        let submitter = submitters[n % 2].clone();
        async move { submitter.submit(plain(add(1, 1))).await }
    });
    let mut versions: Vec<i64> =
        join_all(calls).await.into_iter().map(|answer| done(answer).version).collect();
    versions.sort_unstable();
    assert_eq!(versions, (2..=201).collect::<Vec<_>>());
    assert_eq!(fixture.value(1).await, 200);
    fixture.assert_consistent().await;
}

async fn a_command_waits_for_a_lock(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture.given(1, 0).await;
    let mut other = fixture.test.another().await.begin().await.unwrap();
    on!(&mut other.conn(), c => sqlx::query("update counters set value = 7 where id = 1").execute(&mut *c).await.map(drop))
        .unwrap();
    let before = fixture.service.batches().len();
    let call = tokio::spawn({
        let submitter = fixture.submitter.clone();
        async move { submitter.submit(plain(add(1, 1))).await }
    });
    eventually("the command was redone", async || {
        (fixture.service.batches().len() > before + 1).then_some(())
    })
    .await;
    other.commit().await.unwrap();
    assert_eq!(done(call.await.unwrap()).state.unwrap().value, 8);
}

async fn a_lock_that_never_goes_is_given_up(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture.given(2, 0).await;
    let mut other = fixture.test.another().await.begin().await.unwrap();
    on!(&mut other.conn(), c => sqlx::query("update counters set value = 7 where id = 1").execute(&mut *c).await.map(drop))
        .unwrap();
    let stuck = tokio::spawn({
        let submitter = fixture.submitter.clone();
        async move { submitter.submit(plain(add(1, 1))).await }
    });
    done(fixture.submit(plain(add(2, 1))).await);
    assert_eq!(stuck.await.unwrap(), Err(CommandError::Contended));
    other.rollback().await.unwrap();
    assert_eq!(done(fixture.submit(plain(add(1, 1))).await).version, 2);
    fixture.assert_consistent().await;
}
