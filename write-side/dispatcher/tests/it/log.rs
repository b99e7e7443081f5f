//! The embedded log, behind faults.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use esteira_bus::{
    Consumer, EmbeddedLog, GroupMember, Log, LogDescription, LogError, NewRecord, PartitionLag, Position,
    PublishError, Record, Tail, TopicSpec,
};
use tempfile::TempDir;
use tokio::sync::watch;

/// What one call of `publish` was asked to append.
pub(crate) type Wave = Vec<NewRecord>;

pub(crate) struct FaultyLog {
    inner: EmbeddedLog,
    _directory: TempDir,
    /// Nothing is appended, and every call that would fails.
    away: AtomicBool,
    /// The same, and nothing else is answered.
    unreachable: AtomicBool,
    /// While closed, what is appended is not acknowledged.
    acknowledging: watch::Sender<bool>,
    waves: Mutex<Vec<Wave>>,
}

impl FaultyLog {
    pub(crate) async fn open() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let inner = EmbeddedLog::open(&directory.path().join("log.db")).await.unwrap();
        Self {
            inner,
            _directory: directory,
            away: AtomicBool::new(false),
            unreachable: AtomicBool::new(false),
            acknowledging: watch::Sender::new(true),
            waves: Mutex::default(),
        }
    }

    pub(crate) fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    pub(crate) fn set_unreachable(&self, unreachable: bool) {
        self.unreachable.store(unreachable, Ordering::SeqCst);
        self.set_away(unreachable);
    }

    pub(crate) fn set_acknowledging(&self, acknowledging: bool) {
        self.acknowledging.send_replace(acknowledging);
    }

    /// Every call of `publish`, also those that failed.
    pub(crate) fn waves(&self) -> Vec<Wave> {
        self.waves.lock().unwrap().clone()
    }
}

#[async_trait]
impl Log for FaultyLog {
    fn system(&self) -> &'static str {
        self.inner.system()
    }

    async fn publish(&self, records: Vec<NewRecord>) -> Vec<Result<Position, PublishError>> {
        self.waves.lock().unwrap().push(records.clone());
        if self.away.load(Ordering::SeqCst) {
            return vec![Err(PublishError::Unavailable("away".to_owned())); records.len()];
        }
        let answers = self.inner.publish(records).await;
        self.acknowledging.subscribe().wait_for(|acknowledging| *acknowledging).await.unwrap();
        answers
    }

    async fn republish(&self, records: Vec<Record>) -> Vec<Result<Position, PublishError>> {
        self.inner.republish(records).await
    }

    async fn delete_before(&self, topic: &str, partition: i32, offset: i64) -> Result<(), LogError> {
        self.inner.delete_before(topic, partition, offset).await
    }

    async fn start(&self, topic: &str, partition: i32) -> Result<i64, LogError> {
        self.inner.start(topic, partition).await
    }

    async fn subscribe(&self, group: &str, topics: &[&str]) -> Result<Box<dyn Consumer>, LogError> {
        self.inner.subscribe(group, topics).await
    }

    async fn create_topics(&self, topics: &[TopicSpec]) -> Result<Vec<(String, bool)>, LogError> {
        self.inner.create_topics(topics).await
    }

    async fn describe(&self) -> Result<LogDescription, LogError> {
        if self.unreachable.load(Ordering::SeqCst) {
            return Err(LogError::Unavailable("away".to_owned()));
        }
        self.inner.describe().await
    }

    async fn lag(&self, group: &str, topics: &[&str]) -> Result<Vec<PartitionLag>, LogError> {
        self.inner.lag(group, topics).await
    }

    async fn members(&self, group: &str) -> Result<Vec<GroupMember>, LogError> {
        self.inner.members(group).await
    }

    async fn read(
        &self,
        topic: &str,
        partition: i32,
        offset: i64,
        max: usize,
    ) -> Result<Vec<Record>, LogError> {
        self.inner.read(topic, partition, offset, max).await
    }

    async fn tail(&self, from: &[(String, Position)]) -> Result<Box<dyn Tail>, LogError> {
        self.inner.tail(from).await
    }
}

/// Longer than any send of these tests, shorter than the lease.
pub(crate) const SEND_MARGIN: Duration = Duration::from_millis(200);
