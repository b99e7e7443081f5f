//! A log that breaks off where it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use async_trait::async_trait;
use esteira_bus::{
    Consumer, EmbeddedLog, GroupMember, Log, LogDescription, LogError, NewRecord, PartitionLag, Position,
    PublishError, Record, Tail, TopicSpec,
};

/// As many records may still be published again, and as many deletions be made.
pub(crate) struct Breaking {
    pub(crate) inner: EmbeddedLog,
    pub(crate) copies: Arc<AtomicUsize>,
    pub(crate) deletions: Arc<AtomicUsize>,
    /// Where somebody else deletes to, once the log was read to its end.
    pub(crate) cut: Arc<AtomicI64>,
}

fn take(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

#[async_trait]
impl Log for Breaking {
    fn system(&self) -> &'static str {
        self.inner.system()
    }

    async fn publish(&self, records: Vec<NewRecord>) -> Vec<Result<Position, PublishError>> {
        self.inner.publish(records).await
    }

    async fn republish(&self, records: Vec<Record>) -> Vec<Result<Position, PublishError>> {
        let mut answers = Vec::new();
        for record in records {
            answers.push(if take(&self.copies) {
                self.inner.republish(vec![record]).await.remove(0)
            } else {
                Err(PublishError::Unavailable("broken off".to_owned()))
            });
        }
        answers
    }

    async fn delete_before(&self, topic: &str, partition: i32, offset: i64) -> Result<(), LogError> {
        if !take(&self.deletions) {
            return Err(LogError::Unavailable("broken off".to_owned()));
        }
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
        let page = self.inner.read(topic, partition, offset, max).await?;
        let cut = if page.is_empty() && offset > 0 { self.cut.swap(0, Ordering::SeqCst) } else { 0 };
        if cut > 0 {
            self.inner.delete_before(topic, partition, cut).await?;
        }
        Ok(page)
    }

    async fn tail(&self, from: &[(String, Position)]) -> Result<Box<dyn Tail>, LogError> {
        self.inner.tail(from).await
    }
}
