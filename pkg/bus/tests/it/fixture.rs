//! A log to test, with topics and groups that no other test uses.

use std::sync::Arc;
use std::time::{Duration, Instant};

use esteira_bus::{
    Consumer, EmbeddedLog, Header, KafkaConfig, KafkaLog, Log, NewRecord, Position, Record, TopicSpec,
};
use tempfile::TempDir;
use uuid::Uuid;

/// Long enough for a Kafka group to rebalance twice on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(40);
/// How long one take waits.
pub(crate) const WAIT: Duration = Duration::from_millis(200);

pub(crate) struct Fixture {
    pub(crate) log: Arc<dyn Log>,
    _directory: Option<TempDir>,
}

/// Runs each scenario against every adapter.
macro_rules! contract {
    ($($scenario:ident),+ $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() {
                super::$scenario(crate::fixture::Fixture::embedded().await).await;
            })+
        }
        mod kafka {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() {
                if let Some(fixture) = crate::fixture::Fixture::kafka() {
                    super::$scenario(fixture).await;
                }
            })+
        }
    };
}
pub(crate) use contract;

impl Fixture {
    pub(crate) async fn embedded() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let log = EmbeddedLog::open(&directory.path().join("log.db")).await.unwrap();
        Self { log: Arc::new(log), _directory: Some(directory) }
    }

    /// `None`, said past the test harness's capture, when there is no Kafka to test.
    pub(crate) fn kafka() -> Option<Self> {
        let brokers = kafka_brokers()?;
        let log = KafkaLog::connect(&KafkaConfig::new(brokers)).unwrap();
        Some(Self { log: Arc::new(log), _directory: None })
    }

    /// A new topic with `partitions`.
    pub(crate) async fn topic(&self, partitions: i32) -> String {
        self.topic_with(partitions, &[]).await
    }

    pub(crate) async fn topic_with(&self, partitions: i32, config: &[(&str, &str)]) -> String {
        let spec = spec(&unique("topic"), partitions, config);
        assert_eq!(
            self.log.create_topics(std::slice::from_ref(&spec)).await.unwrap(),
            [(spec.name.clone(), true)]
        );
        spec.name
    }

    pub(crate) async fn publish(&self, records: Vec<NewRecord>) -> Vec<Position> {
        self.log.publish(records).await.into_iter().map(Result::unwrap).collect()
    }

    /// Takes `count` records as a new member of `group`, which then leaves after committing when asked to.
    pub(crate) async fn consume(&self, group: &str, topic: &str, count: usize, commit: bool) -> Vec<Record> {
        let mut consumer = self.log.subscribe(group, &[topic]).await.unwrap();
        let records = take(&mut *consumer, count).await;
        if commit {
            consumer.commit(&records).await.unwrap();
        }
        consumer.close().await;
        records
    }
}

pub(crate) fn kafka_brokers() -> Option<String> {
    esteira_testkit::engine("Kafka", "KAFKA_BROKERS")
}

pub(crate) fn unique(what: &str) -> String {
    format!("test.{what}.{}", Uuid::new_v4().simple())
}

pub(crate) fn spec(name: &str, partitions: i32, config: &[(&str, &str)]) -> TopicSpec {
    let config = config.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    TopicSpec { name: name.to_owned(), partitions, replication: -1, config }
}

pub(crate) fn record(topic: &str, key: &str, value: &str) -> NewRecord {
    NewRecord {
        topic: topic.to_owned(),
        key: Some(key.into()),
        value: Some(value.into()),
        headers: vec![Header::text("content-type", "application/json")],
    }
}

/// `count` records with the keys 0, 1, … `keys` - 1 in turn and the values 0, 1, ….
pub(crate) fn numbered(topic: &str, count: usize, keys: usize) -> Vec<NewRecord> {
    (0..count).map(|n| record(topic, &(n % keys).to_string(), &n.to_string())).collect()
}

/// Takes exactly `count` records before the deadline.
pub(crate) async fn take(consumer: &mut dyn Consumer, count: usize) -> Vec<Record> {
    let deadline = Instant::now() + DEADLINE;
    let mut records = Vec::new();
    while records.len() < count {
        assert!(Instant::now() < deadline, "{} of {count} records came in time", records.len());
        records.extend(consumer.take(count - records.len(), WAIT).await.unwrap());
    }
    assert_eq!(records.len(), count);
    records
}

pub(crate) fn number(record: &Record) -> usize {
    text(record.value.as_deref()).parse().unwrap()
}

pub(crate) fn text(bytes: Option<&[u8]>) -> &str {
    std::str::from_utf8(bytes.unwrap()).unwrap()
}
