//! Idempotency keys: the second call answers as the first did.

use chrono::TimeDelta;
use esteira_aggregate::{Answer, CommandError, ExecutorSettings, purge};
use esteira_sql::Timestamp;
use esteira_testkit::{TestDb, on_every_engine};
use futures::future::join_all;

use crate::counters::Rejected;
use crate::fixture::{Fixture, SETTINGS, add, done, keyed, open, plain, rejected};

on_every_engine!(
    the_second_call_answers_as_the_first_did,
    a_key_with_another_body_is_refused,
    a_key_twice_in_a_batch_has_one_effect,
    fifty_calls_on_two_executors_have_one_effect_and_one_answer,
    fifty_creations_with_one_key_create_one,
    a_rejection_is_kept_if_the_service_keeps_it,
    an_expired_key_may_be_used_again,
);

async fn the_second_call_answers_as_the_first_did(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture.given(1, 0).await;
    let first = done(fixture.submit(keyed(add(1, 5), "key", "body")).await);
    done(fixture.submit(plain(add(1, 1))).await);
    assert_eq!(fixture.submit(keyed(add(1, 5), "key", "body")).await, Ok(Answer::Replayed(first)));
    assert_eq!(fixture.value(1).await, 6);
    let opened = done(fixture.submit(keyed(open("b"), "other", "body")).await);
    assert_eq!(fixture.submit(keyed(open("b"), "other", "body")).await, Ok(Answer::Replayed(opened)));
    fixture.assert_consistent().await;
}

async fn a_key_with_another_body_is_refused(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture.given(1, 0).await;
    done(fixture.submit(keyed(add(1, 5), "key", "body")).await);
    assert_eq!(fixture.submit(keyed(add(1, 6), "key", "other")).await, Err(CommandError::KeyReused));
    assert_eq!(fixture.value(1).await, 5);
}

async fn a_key_twice_in_a_batch_has_one_effect(test: TestDb) {
    let fixture = Fixture::with(test, ExecutorSettings { workers: 1, ..SETTINGS }).await;
    fixture.given(1, 0).await;
    let inputs = vec![
        keyed(add(1, 5), "key", "body"),
        keyed(add(1, 5), "key", "body"),
        keyed(add(1, 6), "key", "other"),
        keyed(add(1, -9), "below", "body"),
        keyed(add(1, -9), "below", "body"),
        plain(add(1, 1)),
    ];
    let answers = fixture.submit_together(inputs).await;
    assert_eq!(fixture.service.batches().last(), Some(&6), "they were one batch");
    let first = done(answers[0].clone());
    assert_eq!(answers[1], Ok(Answer::Replayed(first)));
    assert_eq!(answers[2], Err(CommandError::KeyReused));
    assert_eq!(answers[3..5], [rejected(Rejected::BelowZero), rejected(Rejected::BelowZero)]);
    done(answers[5].clone());
    assert_eq!(fixture.value(1).await, 6);
    fixture.assert_consistent().await;
}

async fn fifty_calls_on_two_executors_have_one_effect_and_one_answer(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture.given(1, 0).await;
    let second = fixture.second_executor().await;
    let submitters = [fixture.submitter.clone(), second.submitter()];
    for round in 0..5 {
        let calls = (0..50).map(|n| {
            let submitter = submitters[n % 2].clone();
            async move { submitter.submit(keyed(add(1, 1), &format!("key {round}"), "body")).await }
        });
        let answers = join_all(calls).await;
        let is_done = |answer: &&_| matches!(answer, Ok(Answer::Done(_)));
        assert_eq!(answers.iter().filter(is_done).count(), 1, "{answers:?}");
        for answer in answers {
            let Ok(Answer::Done(snapshot) | Answer::Replayed(snapshot)) = answer else {
                panic!("{answer:?}")
            };
            assert_eq!((snapshot.version, snapshot.state.unwrap().value), (round + 2, round + 1));
        }
    }
    assert_eq!(fixture.value(1).await, 5);
    fixture.assert_consistent().await;
}

/// Nothing is locked before a row is there: the keys alone decide.
async fn fifty_creations_with_one_key_create_one(test: TestDb) {
    let fixture = Fixture::new(test).await;
    let second = fixture.second_executor().await;
    let submitters = [fixture.submitter.clone(), second.submitter()];
    let calls = (0..50).map(|n| {
        let submitter = submitters[n % 2].clone();
        async move { submitter.submit(keyed(open("new"), "key", "body")).await }
    });
    let answers = join_all(calls).await;
    for answer in answers {
        let Ok(Answer::Done(snapshot) | Answer::Replayed(snapshot)) = answer else { panic!("{answer:?}") };
        assert_eq!(fixture.test.ints("select id from counters").await, [snapshot.id]);
    }
    fixture.assert_consistent().await;
}

async fn a_rejection_is_kept_if_the_service_keeps_it(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture.given(1, 0).await;
    assert_eq!(fixture.submit(keyed(add(1, -1), "kept", "body")).await, rejected(Rejected::BelowZero));
    done(fixture.submit(plain(add(1, 5))).await);
    assert_eq!(fixture.submit(keyed(add(1, -1), "kept", "body")).await, rejected(Rejected::BelowZero));
    assert_eq!(fixture.submit(keyed(open(""), "mended", "wrong")).await, rejected(Rejected::Invalid));
    done(fixture.submit(keyed(open("right"), "mended", "right")).await);
    assert_eq!(fixture.value(1).await, 5);
}

async fn an_expired_key_may_be_used_again(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture.given(1, 0).await;
    done(fixture.submit(keyed(add(1, 5), "key", "body")).await);
    let in_hours = |hours| Timestamp::from(Timestamp::now().to_utc() + TimeDelta::hours(hours));
    purge(&fixture.test.db, in_hours(23)).await.unwrap();
    assert!(matches!(fixture.submit(keyed(add(1, 5), "key", "body")).await, Ok(Answer::Replayed(_))));
    purge(&fixture.test.db, in_hours(25)).await.unwrap();
    done(fixture.submit(keyed(add(1, 5), "key", "other")).await);
    assert_eq!(fixture.test.int("select count(*) from command_batches").await, 1);
}
