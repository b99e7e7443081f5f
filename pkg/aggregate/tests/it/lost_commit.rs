//! The answer to COMMIT is lost: one effect, and the right answer.

use std::sync::Arc;

use esteira_aggregate::{Answer, CommandError, Executor, ExecutorSettings};
use esteira_sql::{Db, MySqlSettings};
use esteira_testkit::{DEADLINE, TestDb, eventually, on_mysql};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::counters::Counters;
use crate::fixture::{Answered, Fixture, SETTINGS, add, done, keyed, open, plain, reaction, start};
use crate::proxy::{Cut, Proxy};

on_mysql!(
    a_commit_that_never_reached_the_server_is_done_again,
    a_commit_whose_answer_was_lost_is_done_once,
    answers_lost_one_after_another_are_asked_after_again,
    a_commit_that_arrives_late_is_done_once,
    a_commit_that_is_never_answered_is_given_up,
);

/// An executor that reaches its store through a proxy, beside the fixture's own.
struct Lossy {
    fixture: Fixture,
    proxy: Proxy,
    executor: Executor<Counters>,
}

impl Lossy {
    async fn new(test: TestDb) -> Self {
        let proxy = Proxy::start(test.mysql_options().unwrap()).await;
        let fixture = Fixture::new(test).await;
        fixture.given(1, 0).await;
        let db = Db::mysql(MySqlSettings { options: proxy.options.clone(), connections: 4 });
        let executor = start(&fixture.service, db, ExecutorSettings { workers: 1, ..SETTINGS });
        Self { fixture, proxy, executor }
    }

    async fn submit(&self, input: esteira_aggregate::Input<crate::counters::Command>) -> Answered {
        timeout(DEADLINE, self.executor.submitter().submit(input)).await.expect("an answer in time")
    }

    /// Every kind of command once, each losing the answers of `cuts`: all are done exactly once.
    async fn assert_each_is_done_once(&self, cuts: &[Cut]) {
        self.proxy.cut(cuts.iter().cloned());
        assert_eq!(done(self.submit(plain(add(1, 1))).await).version, 2);
        self.proxy.cut(cuts.iter().cloned());
        assert_eq!(done(self.submit(keyed(add(1, 1), "key", "body")).await).version, 3);
        assert!(matches!(self.submit(keyed(add(1, 1), "key", "body")).await, Ok(Answer::Replayed(_))));
        self.proxy.cut(cuts.iter().cloned());
        assert_eq!(done(self.submit(reaction(add(1, 1), "event")).await).version, 4);
        self.proxy.cut(cuts.iter().cloned());
        let opened = done(self.submit(plain(open("new"))).await);
        let stored = self.fixture.test.int("select id from counters where name = 'new'").await;
        assert_eq!((opened.id, self.proxy.cuts_left()), (stored, 0));
        assert_eq!(self.fixture.value(1).await, 3);
        self.fixture.assert_consistent().await;
    }
}

async fn a_commit_that_never_reached_the_server_is_done_again(test: TestDb) {
    Lossy::new(test).await.assert_each_is_done_once(&[Cut::Before]).await;
}

async fn a_commit_whose_answer_was_lost_is_done_once(test: TestDb) {
    Lossy::new(test).await.assert_each_is_done_once(&[Cut::After]).await;
}

async fn answers_lost_one_after_another_are_asked_after_again(test: TestDb) {
    Lossy::new(test).await.assert_each_is_done_once(&[Cut::Before, Cut::Before, Cut::After]).await;
}

/// The transaction is open in the server, with its locks, until the COMMIT comes: what is asked meanwhile must
/// neither take it for rolled back nor do its work again.
async fn a_commit_that_arrives_late_is_done_once(test: TestDb) {
    let lossy = Lossy::new(test).await;
    let arrive = Arc::new(Notify::new());
    lossy.proxy.cut([Cut::Late(Arc::clone(&arrive))]);
    let batches = lossy.fixture.test.int("select count(*) from command_batches").await;
    let mut call = std::pin::pin!(lossy.submit(plain(open("new"))));
    let waiting = "select count(*) from performance_schema.data_lock_waits w \
        join performance_schema.data_locks l on l.engine_lock_id = w.requesting_engine_lock_id \
        where l.object_schema = database()";
    let asked_twice = async {
        for _ in 0..2 {
            eventually("the redo waits", async || (lossy.fixture.test.int(waiting).await == 1).then_some(()))
                .await;
            eventually("it timed out", async || (lossy.fixture.test.int(waiting).await == 0).then_some(()))
                .await;
        }
    };
    tokio::select! {
        answer = &mut call => panic!("answered while nobody could know: {answer:?}"),
        () = asked_twice => arrive.notify_one(),
    }
    let opened = done(call.await);
    assert_eq!(lossy.fixture.test.ints("select id from counters where name = 'new'").await, [opened.id]);
    assert_eq!(lossy.fixture.test.int("select count(*) from command_batches").await, batches + 1);
    lossy.fixture.assert_consistent().await;
}

async fn a_commit_that_is_never_answered_is_given_up(test: TestDb) {
    let lossy = Lossy::new(test).await;
    lossy.proxy.cut(std::iter::repeat_n(Cut::Before, 10_000));
    assert_eq!(lossy.submit(plain(add(1, 1))).await, Err(CommandError::Unavailable));
    assert_eq!(lossy.fixture.value(1).await, 0);
    lossy.fixture.assert_consistent().await;
}
