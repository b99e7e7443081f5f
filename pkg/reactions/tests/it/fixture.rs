//! The service's reactions, and what they leave.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use esteira_aggregate::{Executor, ExecutorSettings, SCHEMA as COMMANDS};
use esteira_bus::{EmbeddedLog, Header, Log, Record, TopicSpec, original};
use esteira_events::Topics;
use esteira_reactions::{React, Reactions, SCHEMA};
use esteira_sql::schema::migrate;
use esteira_sql::{Db, on};
use esteira_telemetry::Health;
use esteira_testkit::TestDb;
use tempfile::TempDir;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::service::{Broken, Notes, Pause};

pub(crate) const TOPIC: &str = "order.deleted";

pub(crate) struct Fixture {
    pub(crate) store: TestDb,
    pub(crate) log: Arc<EmbeddedLog>,
    pub(crate) broken: Broken,
    pub(crate) pause: Arc<Pause>,
    directory: TempDir,
}

impl Fixture {
    pub(crate) async fn new(store: TestDb) -> Self {
        store.migrate(&[COMMANDS, SCHEMA]).await;
        // Not unique, so that a doubled effect shows.
        store.execute("create table notes (order_id bigint not null)").await;
        let directory = tempfile::tempdir().unwrap();
        let log = EmbeddedLog::open(&directory.path().join("log.db")).await.unwrap();
        let spec = |name| TopicSpec { name, partitions: 1, replication: -1, config: Vec::new() };
        log.create_topics(&[spec(TOPIC.to_owned()), spec(Topics::dead_letters(TOPIC))]).await.unwrap();
        Self { store, log: Arc::new(log), broken: Broken::default(), pause: Arc::default(), directory }
    }

    pub(crate) fn reactions(&self) -> Reactions<Notes> {
        self.reactions_on(&self.store.db, &self.store.db, Arc::clone(&self.log) as Arc<dyn Log>)
    }

    /// Reactions whose commands go to a database of their own, so that one that waits holds up nobody who looks at what is
    /// parked.
    pub(crate) async fn reactions_apart(&self) -> Reactions<Notes> {
        let commands = Db::sqlite(&self.directory.path().join("commands.db")).await.unwrap();
        migrate(&commands, &[COMMANDS]).await.unwrap();
        let mut tx = commands.begin().await.unwrap();
        let table = "create table notes (order_id bigint not null)";
        on!(&mut tx.conn(), c => sqlx::query(table).execute(&mut *c).await.map(drop)).unwrap();
        tx.commit().await.unwrap();
        self.reactions_on(&commands, &self.store.db, Arc::clone(&self.log) as Arc<dyn Log>)
    }

    /// Reactions whose commands go to one pool, and what is parked to another.
    pub(crate) fn reactions_on(&self, commands: &Db, parked: &Db, log: Arc<dyn Log>) -> Reactions<Notes> {
        let service = Arc::new(Notes { broken: Arc::clone(&self.broken), pause: Arc::clone(&self.pause) });
        let settings = ExecutorSettings { batch_max: 16, queue: 64, workers: 2 };
        let stage = Health::new().stage("notes");
        let executor = Executor::start(service, commands.clone(), settings, Arc::new(Notify::new()), stage);
        Reactions {
            commands: executor.submitter(),
            db: parked.clone(),
            log,
            topics: Topics::default(),
            group: Notes::GROUP.to_owned(),
        }
    }

    pub(crate) async fn notes(&self) -> Vec<i64> {
        self.store.ints("select order_id from notes order by order_id").await
    }

    /// State and attempts of what is parked, by id.
    pub(crate) async fn parked(&self) -> Vec<String> {
        let sql = match self.store.db {
            Db::MySql(_) => "select concat(state, ' ', attempts) from parked_records order by id",
            Db::Sqlite(_) => "select state || ' ' || attempts from parked_records order by id",
        };
        self.store.texts(sql).await
    }

    /// When the one parked record is tried again.
    pub(crate) async fn next_attempt(&self) -> DateTime<Utc> {
        let text =
            self.store.texts("select cast(next_attempt_at as char) from parked_records").await.remove(0);
        let text = text.replace(' ', "T");
        let text = if text.ends_with('Z') { text } else { format!("{text}Z") };
        text.parse().unwrap()
    }

    /// Makes every scheduled attempt due.
    pub(crate) async fn let_time_pass(&self) {
        let past = match self.store.db {
            Db::MySql(_) => "2020-01-01 00:00:00.000",
            Db::Sqlite(_) => "2020-01-01T00:00:00.000Z",
        };
        let sql = format!("update parked_records set next_attempt_at = '{past}' where state = 'retry'");
        self.store.execute(&sql).await;
    }

    /// The dead letters, as the records that they were made of, and the letters themselves.
    pub(crate) async fn dead_letters(&self) -> Vec<(Record, Record)> {
        let letters = self.log.read(&Topics::dead_letters(TOPIC), 0, 0, 100).await.unwrap();
        letters.into_iter().map(|letter| (original(&letter).unwrap(), letter)).collect()
    }
}

/// `record` after an erasure.
pub(crate) fn scrubbed(record: &Record) -> Record {
    let value = String::from_utf8(record.value.clone().unwrap()).unwrap();
    Record { value: Some(value.replace("12:43:00", "00:00:00").into_bytes()), ..record.clone() }
}

/// The record of an event of `order`, at that offset.
pub(crate) fn record(order: i64) -> Record {
    let event_id = Uuid::from_u128(u128::from(order.unsigned_abs()));
    let value = format!(
        r#"{{"event_id": "{event_id}", "occurred_at": "2026-11-22T12:43:00Z", "sequence": 2, "order_id": {order}}}"#
    );
    Record { value: Some(value.into_bytes()), ..garbage(order) }
}

/// A record that is no event.
pub(crate) fn garbage(offset: i64) -> Record {
    Record {
        topic: TOPIC.to_owned(),
        partition: 2,
        offset,
        timestamp_ms: Some(1_795_351_389_000),
        key: Some(offset.to_string().into_bytes()),
        value: Some(vec![0xff, 0x00, b'{']),
        headers: vec![Header { name: "x".to_owned(), value: None }, Header::text("X", "1")],
    }
}
