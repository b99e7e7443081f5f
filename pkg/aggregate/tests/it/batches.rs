//! A batch is one transaction, and each of its callers gets the answer to its own command.

use esteira_aggregate::{CommandError, ExecutorSettings};
use esteira_testkit::{TestDb, on_every_engine};
use futures::future::join_all;

use crate::counters::Rejected;
use crate::fixture::{Fixture, SETTINGS, add, done, open, plain, rejected};

on_every_engine!(
    each_caller_of_a_batch_gets_its_own_answer,
    a_lone_command_is_a_batch_of_one,
    a_batch_is_never_larger_than_its_limit,
    a_taken_name_costs_only_its_own_command,
    of_two_executors_one_gets_the_name,
    a_change_whose_event_cannot_be_appended_is_no_change,
);

const ONE_WORKER: ExecutorSettings = ExecutorSettings { workers: 1, ..SETTINGS };

async fn each_caller_of_a_batch_gets_its_own_answer(test: TestDb) {
    let fixture = Fixture::with(test, ONE_WORKER).await;
    fixture.given(2, 0).await;
    let commands =
        [add(1, 5), add(2, 1), add(1, -6), add(9, 1), open("new"), open(""), add(1, -5), open("newer")];
    let answers = fixture.submit_together(commands.map(plain).into()).await;
    assert_eq!(*fixture.service.batches().last().unwrap(), 8, "they were one batch");
    let [five, one, below, missing, new, invalid, none, newer] = answers.try_into().unwrap();
    assert_eq!((below, missing), (rejected(Rejected::BelowZero), rejected(Rejected::NotFound)));
    assert_eq!(invalid, rejected(Rejected::Invalid));
    let seen = [five, one, none, new, newer].map(|answer| {
        let snapshot = done(answer);
        (snapshot.id, snapshot.version, snapshot.state.unwrap().value)
    });
    assert_eq!(seen, [(1, 2, 5), (2, 2, 1), (1, 3, 0), (3, 1, 0), (4, 1, 0)]);
    assert_eq!(
        fixture.test.texts("select name from counters where id >= 3 order by id").await,
        ["new", "newer"]
    );
    fixture.assert_consistent().await;
}

async fn a_lone_command_is_a_batch_of_one(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture.given(1, 0).await;
    assert_eq!(done(fixture.submit(plain(add(1, 1))).await).version, 2);
    assert_eq!(fixture.service.batches(), [1, 1]);
}

async fn a_batch_is_never_larger_than_its_limit(test: TestDb) {
    let fixture = Fixture::with(test, ExecutorSettings { batch_max: 3, ..ONE_WORKER }).await;
    fixture.given(1, 0).await;
    let answers = fixture.submit_together((0..7).map(|_| plain(add(1, 1))).collect()).await;
    assert_eq!(
        answers.into_iter().map(|answer| done(answer).version).collect::<Vec<_>>(),
        (2..=8).collect::<Vec<_>>()
    );
    assert_eq!(fixture.service.batches()[2..], [3, 3, 1]);
}

async fn a_taken_name_costs_only_its_own_command(test: TestDb) {
    let fixture = Fixture::with(test, ONE_WORKER).await;
    fixture.given(1, 0).await;
    let answers = fixture
        .submit_together([open("same"), open("same"), add(1, 1), open("given 1")].map(plain).into())
        .await;
    let [first, second, added, taken] = answers.try_into().unwrap();
    assert_eq!(done(first).state.unwrap().name, "same");
    assert_eq!((second, taken), (rejected(Rejected::NameTaken), rejected(Rejected::NameTaken)));
    assert_eq!(done(added).version, 2);
    fixture.assert_consistent().await;
}

async fn of_two_executors_one_gets_the_name(test: TestDb) {
    let fixture = Fixture::new(test).await;
    let second = fixture.second_executor().await;
    let submitters = [fixture.submitter.clone(), second.submitter()];
    let calls = (0..40).map(|n| {
        let submitter = submitters[n % 2].clone();
        async move { submitter.submit(plain(open(&format!("name {}", n / 4)))).await }
    });
    let answers = join_all(calls).await;
    for four in answers.chunks(4) {
        assert_eq!(four.iter().filter(|answer| answer.is_ok()).count(), 1, "{four:?}");
        assert!(
            four.iter().all(|answer| answer.is_ok() || *answer == rejected(Rejected::NameTaken)),
            "{four:?}"
        );
    }
    fixture.assert_consistent().await;
}

async fn a_change_whose_event_cannot_be_appended_is_no_change(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture.given(2, 0).await;
    fixture
        .test
        .execute("insert into outbox (aggregate, aggregate_id, sequence, event_type, payload) values ('user', 1, 2, 'x', '{}')")
        .await;
    assert_eq!(fixture.submit(plain(add(1, 1))).await, Err(CommandError::Internal));
    assert_eq!(fixture.value(1).await, 0);
    done(fixture.submit(plain(add(2, 1))).await);
}
