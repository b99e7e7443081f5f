//! An outbox, a log, and dispatchers between them.

use std::sync::Arc;
use std::time::Duration;

use esteira_bus::{Log, Record, TopicSpec};
use esteira_dispatcher::{Dispatcher, DispatcherSettings};
use esteira_events::{Event, EventType, Payload, Topics, UserChanged, UserData, UserDeleted, UserId};
use esteira_outbox::{NewEvent, SCHEMA, append};
use esteira_sql::{Db, Timestamp};
use esteira_telemetry::{Health, Stage, TraceContext};
use esteira_testkit::{TestDb, eventually};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::log::{FaultyLog, SEND_MARGIN};

/// Above what the dispatcher takes for certainly small.
pub(crate) const MAX_MESSAGE: usize = 100_000;
const PARTITIONS: i32 = 3;

pub(crate) struct Fixture {
    pub(crate) test: TestDb,
    pub(crate) log: Arc<FaultyLog>,
    pub(crate) stage: Stage,
}

/// A running dispatcher.
pub(crate) struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }

    /// As a process that is killed: it marks nothing more and gives no lease up.
    pub(crate) async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

impl Fixture {
    pub(crate) async fn new(test: TestDb) -> Self {
        test.migrate(&[SCHEMA]).await;
        let log = FaultyLog::open().await;
        let topics = EventType::ALL.map(|event| TopicSpec {
            name: event.to_string(),
            partitions: PARTITIONS,
            replication: -1,
            config: vec![("max.message.bytes".to_owned(), MAX_MESSAGE.to_string())],
        });
        log.create_topics(&topics).await.unwrap();
        Self { test, log: Arc::new(log), stage: Health::new().stage("dispatcher") }
    }

    pub(crate) fn start(&self, owner: &str) -> Running {
        self.start_with(owner, &self.test.db, 64)
    }

    pub(crate) fn start_with(&self, owner: &str, db: &Db, page: u32) -> Running {
        self.run(owner, db, page, &self.log, Duration::from_secs(2), false)
    }

    /// One that reaches another log, or none, and keeps its lease over the longest pause.
    pub(crate) fn start_to(&self, owner: &str, log: &Arc<FaultyLog>) -> Running {
        self.run(owner, &self.test.db, 64, log, Duration::from_secs(15), false)
    }

    /// One that nobody else can be beside, whose lease would outlive the test.
    pub(crate) fn start_alone(&self, owner: &str) -> Running {
        self.run(owner, &self.test.db, 64, &self.log, Duration::from_mins(5), true)
    }

    fn run(
        &self,
        owner: &str,
        db: &Db,
        page: u32,
        log: &Arc<FaultyLog>,
        lease_ttl: Duration,
        alone: bool,
    ) -> Running {
        let dispatcher = Dispatcher {
            db: db.clone(),
            log: Arc::clone(log) as Arc<dyn Log>,
            topics: Topics::default(),
            settings: DispatcherSettings {
                owner: owner.to_owned(),
                lease_ttl,
                alone,
                send_margin: SEND_MARGIN,
                poll_interval: Duration::from_millis(50),
                page,
            },
            committed: Arc::new(Notify::new()),
            stage: self.stage.clone(),
        };
        let stop = CancellationToken::new();
        Running { task: tokio::spawn(dispatcher.run(stop.clone())), stop }
    }

    pub(crate) async fn given(&self, events: Vec<NewEvent>) {
        let mut tx = self.test.db.begin().await.unwrap();
        append(&mut tx.conn(), events).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub(crate) async fn unpublished(&self) -> Vec<i64> {
        self.test.ints("select id from outbox where processed_at is null order by id").await
    }

    /// Waits until the outbox has only `ids` left to publish.
    pub(crate) async fn until_left(&self, ids: &[i64]) {
        eventually("the outbox drains", async || (self.unpublished().await == ids).then_some(())).await;
    }

    /// Every record of `event`'s topic: of each partition in order.
    pub(crate) async fn records(&self, event: EventType) -> Vec<Record> {
        let mut records = Vec::new();
        for partition in 0..PARTITIONS {
            records.extend(self.log.read(event.as_str(), partition, 0, 10_000).await.unwrap());
        }
        records
    }

    /// The sequences of a user's records in one topic, in order.
    pub(crate) async fn sequences(&self, event: EventType, user: i64) -> Vec<i64> {
        let key = user.to_string();
        let records = self.records(event).await;
        let ours = records.iter().filter(|record| record.key.as_deref() == Some(key.as_bytes()));
        ours.map(|record| decoded(event, record).sequence().unwrap()).collect()
    }
}

pub(crate) fn decoded(event: EventType, record: &Record) -> Event {
    Event::decode(event, record.value.as_deref()).unwrap()
}

fn changed(user: i64, name: String) -> UserChanged {
    UserChanged { user: UserData { id: UserId(user), name, email: "ana@example.com".into(), version: None } }
}

pub(crate) const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn event(payload: Payload, sequence: i64) -> NewEvent {
    NewEvent { payload, sequence, occurred_at: Timestamp::now(), trace: TraceContext::parse(TRACEPARENT) }
}

pub(crate) fn created(user: i64) -> NewEvent {
    event(Payload::UserCreated(changed(user, "Ana".into())), 1)
}

pub(crate) fn updated(user: i64, sequence: i64) -> NewEvent {
    event(Payload::UserUpdated(changed(user, "Ana S.".into())), sequence)
}

/// Larger than the log takes.
pub(crate) fn oversize(user: i64, sequence: i64) -> NewEvent {
    event(Payload::UserUpdated(changed(user, "x".repeat(MAX_MESSAGE))), sequence)
}

pub(crate) fn deleted(user: i64, sequence: i64) -> NewEvent {
    event(Payload::UserDeleted(UserDeleted { user_id: UserId(user) }), sequence)
}
