//! Queues, decisions and two consumer groups.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use esteira_bus::dlq::RetryStore;
use esteira_bus::{
    EmbeddedLog, ErrorClass, Failure, Header, Log, NewRecord, Position, Record, TopicSpec, dead_letter,
};
use esteira_dead_letters::{DeadLetters, Filters, Letter, SCHEMA, State};
use esteira_events::{EventType, Topics};
use esteira_testkit::TestDb;
use tempfile::TempDir;

use crate::groups::Group;

pub(crate) const VIEWS: &str = "query-consumer";
pub(crate) const STOCK: &str = "product-consumer";

pub(crate) struct Fixture {
    pub(crate) letters: DeadLetters,
    /// Reads `order.paid` and `order.deleted`.
    pub(crate) views: Arc<Group>,
    /// Reads `order.paid`.
    pub(crate) stock: Arc<Group>,
    _directory: Option<TempDir>,
}

impl Fixture {
    pub(crate) async fn new(store: &TestDb) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let log = EmbeddedLog::open(&directory.path().join("log.db")).await.unwrap();
        Self { _directory: Some(directory), ..Self::on(store, Arc::new(log), "").await }
    }

    pub(crate) async fn on(store: &TestDb, log: Arc<dyn Log>, prefix: &str) -> Self {
        store.migrate(&[SCHEMA]).await;
        let topic = |name: &str| format!("{prefix}{name}");
        let queues =
            ["order.paid", "order.deleted", "user.created"].map(|name| Topics::dead_letters(&topic(name)));
        let spec = |name| TopicSpec { name, partitions: 2, replication: -1, config: Vec::new() };
        log.create_topics(&queues.map(spec)).await.unwrap();
        let views = Arc::new(Group::new(VIEWS, &[topic("order.paid"), topic("order.deleted")]));
        let stock = Arc::new(Group::new(STOCK, &[topic("order.paid")]));
        let stores: Vec<Arc<dyn RetryStore>> =
            vec![Arc::clone(&views) as Arc<dyn RetryStore>, Arc::clone(&stock) as Arc<dyn RetryStore>];
        let topics = Topics::with_prefix(prefix.to_owned());
        let letters = DeadLetters { log, topics, db: store.db.clone(), stores };
        Self { letters, views, stock, _directory: None }
    }

    pub(crate) async fn publish(&self, letter: NewRecord) -> String {
        let topic = letter.topic.clone();
        let Position { partition, offset } = self.letters.log.publish(vec![letter]).await.remove(0).unwrap();
        format!("{topic}/{partition}/{offset}")
    }

    /// The letter of a record that the group of the views gave up; later records later.
    pub(crate) async fn dead(&self, record: &Record) -> String {
        self.views.gives_up(record);
        let error = format!("no order {}", record.offset);
        self.publish(dead_letter(record, &failure(VIEWS, &error, minute(record.offset)))).await
    }

    /// Publishes the queue of payments again with [`REDACTED`] where [`TOLD`] was, and deletes the old letters, as an
    /// erasure does.
    pub(crate) async fn rewrites_the_queue(&self) {
        let queue = Topics::dead_letters(&self.letters.topics.name(EventType::OrderPaid));
        for partition in 0..2 {
            let mut letters = self.letters.log.read(&queue, partition, 0, 1_000).await.unwrap();
            let Some(end) = letters.last().map(|last| last.offset + 1) else { continue };
            for letter in &mut letters {
                let value = String::from_utf8(letter.value.take().unwrap()).unwrap();
                letter.value = Some(value.replace(TOLD, REDACTED).into_bytes());
            }
            for answer in self.letters.log.republish(letters).await {
                answer.unwrap();
            }
            self.letters.log.delete_before(&queue, partition, end).await.unwrap();
        }
    }

    pub(crate) async fn list(&self, filters: &Filters) -> Vec<Letter> {
        self.letters.list(filters).await.unwrap()
    }

    pub(crate) async fn state(&self, letter: &str) -> State {
        let found = self.letters.show(&letter.parse().unwrap()).await.unwrap().letter;
        assert_eq!(found.letter, letter);
        found.state
    }

    /// Whether it was handed in.
    pub(crate) async fn redrive(&self, letter: &str) -> bool {
        self.letters.redrive(&letter.parse().unwrap()).await.unwrap().handed_in
    }
}

/// What every payment tells, and what is left of it once its queue was published again.
const TOLD: &str = "Ana";
const REDACTED: &str = "erased";

/// The record as its letter has it once the queue was published again.
pub(crate) fn redacted(record: &Record) -> Record {
    let value = String::from_utf8(record.value.clone().unwrap()).unwrap();
    Record { value: Some(value.replace(TOLD, REDACTED).into_bytes()), ..record.clone() }
}

/// The record of the payment of an order, at that offset.
pub(crate) fn paid(order: i64) -> Record {
    let value = format!(
        r#"{{"event_id": "{}", "occurred_at": "2026-11-22T12:43:00Z", "sequence": 2, "order_id": {order}, "payment_method": "{TOLD}"}}"#,
        uuid::Uuid::from_u128(u128::from(order.unsigned_abs()))
    );
    Record {
        topic: "order.paid".to_owned(),
        partition: 0,
        offset: order,
        timestamp_ms: Some(1_795_351_389_000),
        key: Some(order.to_string().into_bytes()),
        value: Some(value.into_bytes()),
        headers: vec![Header::text("ce_id", "a"), Header { name: "raw".to_owned(), value: None }],
    }
}

/// As the Go services write it.
pub(crate) fn of_go(record: &Record) -> NewRecord {
    let event =
        serde_json::to_string(std::str::from_utf8(record.value.as_deref().unwrap()).unwrap()).unwrap();
    let value = format!(
        r#"{{"original_topic":"{}","error_message":"failed","timestamp":"2026-11-22T12:44:48.1Z","original_event":{event}}}"#,
        record.topic
    );
    NewRecord {
        topic: Topics::dead_letters(&record.topic),
        key: record.key.clone(),
        value: Some(value.into_bytes()),
        headers: Vec::new(),
    }
}

pub(crate) fn failure<'a>(group: &'a str, error: &'a str, now: DateTime<Utc>) -> Failure<'a> {
    Failure { group, error, class: ErrorClass::Failed, attempts: 6, first_failure_ms: 1_795_351_352_000, now }
}

/// So many minutes after noon.
pub(crate) fn minute(minutes: i64) -> DateTime<Utc> {
    "2026-11-22T12:00:00Z".parse::<DateTime<Utc>>().unwrap() + chrono::TimeDelta::minutes(minutes)
}
