//! An executor of counters, and what must be true of its tables at any time.

use std::sync::Arc;

use esteira_aggregate::{
    Answer, Cause, CommandError, Dedup, Executor, ExecutorSettings, IdempotencyKey, Input, Snapshot,
    Submitter,
};
use esteira_sql::Db;
use esteira_telemetry::Health;
use esteira_testkit::{TestDb, eventually};
use futures::future::join_all;
use tokio::sync::Notify;

use crate::counters::{self, Command, Counter, Counters, Rejected};

pub(crate) type Answered = Result<Answer<Snapshot<Counter>>, CommandError<Rejected>>;

pub(crate) struct Fixture {
    pub(crate) test: TestDb,
    pub(crate) service: Arc<Counters>,
    pub(crate) executor: Executor<Counters>,
    pub(crate) submitter: Submitter<Counters>,
}

pub(crate) const SETTINGS: ExecutorSettings = ExecutorSettings { batch_max: 64, queue: 256, workers: 2 };

pub(crate) fn start(service: &Arc<Counters>, db: Db, settings: ExecutorSettings) -> Executor<Counters> {
    Executor::start(
        Arc::clone(service),
        db,
        settings,
        Arc::new(Notify::new()),
        Health::new().stage("commands"),
    )
}

impl Fixture {
    pub(crate) async fn new(test: TestDb) -> Self {
        Self::with(test, SETTINGS).await
    }

    pub(crate) async fn with(test: TestDb, settings: ExecutorSettings) -> Self {
        test.migrate(&[esteira_outbox::SCHEMA, esteira_aggregate::SCHEMA, counters::SCHEMA]).await;
        let service = Arc::new(Counters::new());
        let executor = start(&service, test.db.clone(), settings);
        let submitter = executor.submitter();
        Self { test, service, executor, submitter }
    }

    /// An executor of another process, where the store allows for one; else beside ours.
    pub(crate) async fn second_executor(&self) -> Executor<Counters> {
        let db = if self.test.mysql_options().is_some() {
            self.test.another().await
        } else {
            self.test.db.clone()
        };
        start(&self.service, db, SETTINGS)
    }

    /// Opens counters a, b, c… with the ids 1, 2, 3… and `value` in each.
    pub(crate) async fn given(&self, count: i64, value: i64) {
        for id in 1..=count {
            let name = format!("given {id}");
            assert_eq!(done(self.submit(plain(Command::Open(name))).await).id, id);
            if value > 0 {
                done(self.submit(plain(Command::Add { id, by: value })).await);
            }
        }
    }

    pub(crate) async fn submit(&self, input: Input<Command>) -> Answered {
        self.submitter.submit(input).await
    }

    /// Answers of `inputs`, which wait together and so become one batch: the worker is held up meanwhile.
    /// For an executor with one worker.
    pub(crate) async fn submit_together(&self, inputs: Vec<Input<Command>>) -> Vec<Answered> {
        self.service.open_gate(false);
        let before = self.service.batches().len();
        let first = tokio::spawn({
            let submitter = self.submitter.clone();
            async move { submitter.submit(plain(Command::Add { id: i64::MAX, by: 1 })).await }
        });
        eventually("the worker is busy", async || (self.service.batches().len() > before).then_some(()))
            .await;
        let mut answers =
            std::pin::pin!(join_all(inputs.into_iter().map(|input| self.submitter.submit(input))));
        // The first poll hands all of them in.
        assert!(futures::poll!(&mut answers).is_pending());
        self.service.open_gate(true);
        assert_eq!(first.await.unwrap(), Err(CommandError::Rejected(Rejected::NotFound)));
        answers.await
    }

    pub(crate) async fn value(&self, id: i64) -> i64 {
        self.test.int(&format!("select value from counters where id = {id}")).await
    }

    /// No event without its change, no change without its event.
    pub(crate) async fn assert_consistent(&self) {
        let wrong = "select id from counters where \
             version <> (select count(*) from outbox where aggregate_id = counters.id) \
             or version <> (select max(sequence) from outbox where aggregate_id = counters.id)";
        assert_eq!(self.test.ints(wrong).await, [0; 0], "counters whose version is not that of their events");
        let orphans = "select count(*) from outbox where aggregate_id not in (select id from counters)";
        assert_eq!(self.test.int(orphans).await, 0, "events of counters that are not there");
    }
}

pub(crate) fn plain(command: Command) -> Input<Command> {
    Input::plain(command)
}

pub(crate) fn keyed(command: Command, key: &str, body: &str) -> Input<Command> {
    let key = IdempotencyKey { scope: key.to_owned(), body_hash: body.to_owned() };
    Input { dedup: Dedup::Key(key), ..plain(command) }
}

pub(crate) fn reaction(command: Command, event_id: &str) -> Input<Command> {
    Input { dedup: Dedup::Inbox { event_id: event_id.to_owned() }, cause: Cause::default(), ..plain(command) }
}

pub(crate) fn open(name: &str) -> Command {
    Command::Open(name.to_owned())
}

pub(crate) fn add(id: i64, by: i64) -> Command {
    Command::Add { id, by }
}

/// The outcome of a command that was done now.
pub(crate) fn done(answer: Answered) -> Snapshot<Counter> {
    match answer {
        Ok(Answer::Done(snapshot)) => snapshot,
        other => panic!("not done: {other:?}"),
    }
}

pub(crate) fn rejected(rejection: Rejected) -> Answered {
    Err(CommandError::Rejected(rejection))
}
