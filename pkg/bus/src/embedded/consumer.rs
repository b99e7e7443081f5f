//! A member of a consumer group of the embedded log.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout_at};

use super::groups::MemberId;
use super::reading::{self, MAX_READ_BYTES};
use super::writer::Op;
use super::{Changes, Shared, unavailable};
use crate::ownership::{Ownership, TopicPartition};
use crate::record::bytes_of;
use crate::{Consumer, LogError, Record};

pub(super) struct Member {
    shared: Arc<Shared>,
    writer: mpsc::Sender<Op>,
    changes: watch::Receiver<Changes>,
    /// The [`Changes::partitions`] that the ownership is in step with.
    in_step: Option<u64>,
    group: String,
    id: MemberId,
    ownership: Ownership,
    /// The next offset to read of what is owned; looked up when it is first needed.
    positions: HashMap<TopicPartition, i64>,
    /// Which partition is first next time, so that a busy one does not starve the others.
    turn: usize,
}

impl Member {
    pub(super) fn join(shared: Arc<Shared>, writer: mpsc::Sender<Op>, group: &str, topics: &[&str]) -> Self {
        let id = shared.groups().join(group, topics);
        let changes = shared.changes.subscribe();
        shared.partitions_moved();
        Self {
            shared,
            writer,
            changes,
            in_step: None,
            group: group.to_owned(),
            id,
            ownership: Ownership::default(),
            positions: HashMap::new(),
            turn: 0,
        }
    }

    fn hand_over(&mut self) {
        let partitions = self.changes.borrow_and_update().partitions;
        if self.in_step.replace(partitions) == Some(partitions) {
            return;
        }
        let topics = self.shared.groups().topics(&self.group);
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        let all: Vec<_> = self.shared.catalogue().ends(&topics).into_iter().map(|(at, _)| at).collect();
        let change = self.shared.groups().hand_over(&self.group, self.id, &all);
        for at in &change.lost {
            self.ownership.revoke(at);
            self.positions.remove(at);
        }
        if !change.lost.is_empty() {
            self.shared.partitions_moved();
        }
        change.gained.into_iter().for_each(|at| self.ownership.assign(at));
    }

    async fn look_up_positions(&mut self) -> Result<(), LogError> {
        let missing = |at: &&TopicPartition| !self.positions.contains_key(*at);
        let new: Vec<_> = self.ownership.owned().filter(missing).cloned().collect();
        if new.is_empty() {
            return Ok(());
        }
        let committed = reading::committed(&self.shared.file, &self.group).await.map_err(unavailable)?;
        for at in new {
            let next = committed.get(&at).copied().unwrap_or(0);
            self.positions.insert(at, next);
        }
        Ok(())
    }

    /// What is there, up to `max`. Positions move only once everything is read, so that dropping the future loses
    /// nothing.
    async fn available(&mut self, max: usize) -> Result<Vec<Record>, LogError> {
        let mut records: Vec<Record> = Vec::new();
        let mut bytes = 0;
        let readable = self.readable();
        // In a backlog too, what belongs together is to arrive together.
        let share = max.div_ceil(readable.len().max(1));
        for (at, topic_id, position) in readable {
            if records.len() >= max || bytes >= MAX_READ_BYTES {
                break;
            }
            let room = share.min(max - records.len());
            let more = reading::records(&self.shared.file, &at, topic_id, position, room).await;
            let more = more.map_err(unavailable)?;
            bytes += more.iter().map(bytes_of).sum::<usize>();
            records.extend(more);
        }
        for record in &records {
            self.ownership.took(record);
            self.positions.insert(TopicPartition::of(record), record.offset + 1);
        }
        self.turn = self.turn.wrapping_add(1);
        Ok(records)
    }

    /// The owned partitions that have more, another one first each time.
    fn readable(&self) -> Vec<(TopicPartition, i64, i64)> {
        let catalogue = self.shared.catalogue();
        let more = |(at, position): (&TopicPartition, &i64)| {
            let (id, end) = catalogue.end(at)?;
            (*position < end).then(|| (at.clone(), id, *position))
        };
        let mut readable: Vec<_> = self.positions.iter().filter_map(more).collect();
        readable.sort();
        if !readable.is_empty() {
            let first = self.turn % readable.len();
            readable.rotate_left(first);
        }
        readable
    }
}

#[async_trait]
impl Consumer for Member {
    async fn take(&mut self, max: usize, wait: Duration) -> Result<Vec<Record>, LogError> {
        let deadline = Instant::now() + wait;
        loop {
            self.hand_over();
            self.look_up_positions().await?;
            let records = self.available(max.max(1)).await?;
            if !records.is_empty() {
                return Ok(records);
            }
            if timeout_at(deadline, self.changes.changed()).await.is_err() {
                return Ok(Vec::new());
            }
        }
    }

    async fn commit(&mut self, records: &[Record]) -> Result<(), LogError> {
        self.ownership.want(records);
        let places = self.ownership.pending();
        if places.is_empty() {
            return Ok(());
        }
        let (reply, answer) = oneshot::channel();
        let op = Op::Commit { group: self.group.clone(), places: places.clone(), reply };
        let closed = || LogError::Unavailable("the log is closed".to_owned());
        self.writer.send(op).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?.map_err(LogError::Unavailable)?;
        self.ownership.committed(&places);
        Ok(())
    }

    async fn rewind(&mut self) -> Result<(), LogError> {
        for place in self.ownership.rewind() {
            self.positions.insert(place.at, place.offset);
        }
        Ok(())
    }

    async fn close(self: Box<Self>) {}
}

impl Drop for Member {
    fn drop(&mut self) {
        self.shared.groups().leave(&self.group, self.id);
        self.shared.partitions_moved();
    }
}
