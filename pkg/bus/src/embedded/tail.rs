//! Reading on and on without being in a group.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::reading::{self, MAX_READ_BYTES};
use super::{Changes, Shared, unavailable};
use crate::ownership::TopicPartition;
use crate::record::bytes_of;
use crate::{LogError, Record, Tail};

pub(super) struct Reader {
    shared: Arc<Shared>,
    changes: watch::Receiver<Changes>,
    /// The next offset of each partition.
    next: Vec<(TopicPartition, i64)>,
}

impl Reader {
    pub(super) fn open(shared: Arc<Shared>, next: Vec<(TopicPartition, i64)>) -> Self {
        let changes = shared.changes.subscribe();
        Self { shared, changes, next }
    }

    /// What is there, up to `max`. Places move only once everything is read, so that dropping the future loses nothing.
    async fn available(&mut self, max: usize) -> Result<Vec<Record>, LogError> {
        let mut records: Vec<Record> = Vec::new();
        let mut bytes = 0;
        for (at, next) in &self.next {
            let known = self.shared.catalogue().end(at);
            let Some((topic_id, _)) = known.filter(|(_, end)| next < end) else { continue };
            if records.len() >= max || bytes >= MAX_READ_BYTES {
                break;
            }
            let more = reading::records(&self.shared.file, at, topic_id, *next, max - records.len()).await;
            let more = more.map_err(unavailable)?;
            bytes += more.iter().map(bytes_of).sum::<usize>();
            records.extend(more);
        }
        for (at, next) in &mut self.next {
            let read = |record: &&Record| record.topic == at.topic && record.partition == at.partition;
            if let Some(last) = records.iter().rfind(read) {
                *next = last.offset + 1;
            }
        }
        // What was read most is read last the next time, so that a busy partition does not starve the others.
        if let Some(first) = records.first() {
            let taken = self.next.iter().position(|(at, _)| *at == TopicPartition::of(first));
            self.next.rotate_left(taken.map_or(0, |index| index + 1));
        }
        Ok(records)
    }
}

#[async_trait]
impl Tail for Reader {
    async fn take(&mut self, max: usize, wait: Duration) -> Result<Vec<Record>, LogError> {
        let deadline = Instant::now() + wait;
        loop {
            self.changes.mark_unchanged();
            let records = self.available(max.max(1)).await?;
            if !records.is_empty() || timeout_at(deadline, self.changes.changed()).await.is_err() {
                return Ok(records);
            }
        }
    }
}
