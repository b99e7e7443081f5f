//! An outbox, a log and views with something of Ana's, who is user 12.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use async_trait::async_trait;
use esteira_bus::{EmbeddedLog, Group, Header, Log, NewRecord, Record, TopicSpec};
use esteira_erasure::{Erased, Erasure, ErasureError, Row, RowError, UserRows, Wish};
use esteira_events::Topics;
use esteira_testkit::TestDb;
use esteira_views::{ALL_COLLECTIONS, SqliteViews, Views};
use serde_json::json;
use tempfile::TempDir;

use crate::breaking::Breaking;

pub(crate) const ANA: i64 = 12;
pub(crate) const EMAIL: &str = "ana.unlikely@example.com";
pub(crate) const TOPIC: &str = "user.updated";

pub(crate) struct Fixture {
    pub(crate) store: TestDb,
    pub(crate) erasure: Erasure,
    /// See [`Breaking`]; without end at first.
    pub(crate) copies: Arc<AtomicUsize>,
    pub(crate) deletions: Arc<AtomicUsize>,
    cut: Arc<AtomicI64>,
    _directory: TempDir,
}

impl Fixture {
    pub(crate) async fn new(store: &TestDb, groups: &[&str]) -> Self {
        store
            .migrate(&[
                esteira_outbox::SCHEMA,
                esteira_aggregate::SCHEMA,
                esteira_reactions::SCHEMA,
                esteira_dead_letters::SCHEMA,
                esteira_erasure::SCHEMA,
            ])
            .await;
        let directory = tempfile::tempdir().unwrap();
        let inner = EmbeddedLog::open(&directory.path().join("log.db")).await.unwrap();
        let spec =
            |name: &str| TopicSpec { name: name.to_owned(), partitions: 1, replication: 1, config: vec![] };
        inner.create_topics(&[spec(TOPIC), spec("user.updated.dlq")]).await.unwrap();
        let (copies, deletions) =
            (Arc::new(AtomicUsize::new(usize::MAX)), Arc::new(AtomicUsize::new(usize::MAX)));
        let cut = Arc::new(AtomicI64::new(0));
        let log = Breaking {
            inner,
            copies: Arc::clone(&copies),
            deletions: Arc::clone(&deletions),
            cut: Arc::clone(&cut),
        };
        let views = SqliteViews::open(&directory.path().join("views.db")).await.unwrap();
        views.prepare(ALL_COLLECTIONS).await.unwrap();
        let erasure = Erasure {
            db: store.db.clone(),
            log: Arc::new(log),
            views: Arc::new(views),
            topics: Topics::default(),
            groups: groups
                .iter()
                .map(|&name| Group { name: name.to_owned(), topics: vec![TOPIC.to_owned()] })
                .collect(),
        };
        Self { store: store.clone(), erasure, copies, deletions, cut, _directory: directory }
    }

    pub(crate) async fn run(&self) -> Result<Erased, ErasureError> {
        self.run_for(&[ANA], &Gone).await
    }

    pub(crate) async fn run_for(&self, users: &[i64], rows: &dyn UserRows) -> Result<Erased, ErasureError> {
        let wish = Wish { users: users.to_vec(), ..Wish::default() };
        self.erasure.run(&wish, rows, |_| {}).await
    }

    /// Ana's event with this sequence in the outbox; waiting to be published, or not.
    pub(crate) async fn event(&self, sequence: i64, waiting: bool) {
        let processed = if waiting { "null" } else { "'2026-11-22 12:43:00'" };
        let sql = format!(
            "insert into outbox (aggregate, aggregate_id, sequence, event_type, event_id, payload, created_at, processed_at, \
             kafka_partition, kafka_offset) values ('user', {ANA}, {sequence}, '{TOPIC}', '{}', '{}', '2026-11-22 12:43:00', \
             {processed}, 0, {sequence})",
            event_id(ANA, sequence),
            value(ANA, sequence)
        );
        self.store.execute(&sql).await;
    }

    pub(crate) async fn publish(&self, records: Vec<NewRecord>) {
        for answer in self.erasure.log.publish(records).await {
            answer.unwrap();
        }
    }

    /// Lets somebody else delete what is before `offset`, once the topic was read to its end.
    pub(crate) fn cut_behind(&self, offset: i64) {
        self.cut.store(offset, Ordering::SeqCst);
    }

    pub(crate) async fn records(&self) -> Vec<Record> {
        self.erasure.log.read(TOPIC, 0, 0, 10_000).await.unwrap()
    }

    /// How many events of the outbox and records of the log have her email.
    pub(crate) async fn hers(&self) -> (i64, usize) {
        let rows =
            self.store.int(&format!("select count(*) from outbox where payload like '%{EMAIL}%'")).await;
        let has = |record: &Record| String::from_utf8_lossy(record.value.as_deref().unwrap()).contains(EMAIL);
        (rows, self.records().await.iter().filter(|record| has(record)).count())
    }
}

/// Nobody has a row any more.
pub(crate) struct Gone;

#[async_trait]
impl UserRows for Gone {
    async fn erase(&self, _: i64, _: bool) -> Result<Row, RowError> {
        Ok(Row::Absent)
    }
}

/// Everybody had a row.
pub(crate) struct Erasing;

#[async_trait]
impl UserRows for Erasing {
    async fn erase(&self, _: i64, _: bool) -> Result<Row, RowError> {
        Ok(Row::Erased)
    }
}

pub(crate) fn event_id(user: i64, sequence: i64) -> String {
    format!("0199aaaa-0000-7000-8000-{user:06}{sequence:06}")
}

pub(crate) fn value(user: i64, sequence: i64) -> String {
    let email = if user == ANA { EMAIL } else { "eva@example.com" };
    json!({"event_id": event_id(user, sequence), "occurred_at": "2026-11-22T12:43:00Z", "sequence": sequence,
        "user": {"id": user, "name": "Ana", "email": email}})
    .to_string()
}

pub(crate) fn record(user: i64, sequence: i64) -> NewRecord {
    NewRecord {
        topic: TOPIC.to_owned(),
        key: Some(user.to_string().into_bytes()),
        value: Some(value(user, sequence).into_bytes()),
        headers: vec![Header::text("ce_sequence", sequence.to_string())],
    }
}
