//! The log: a partition with a record of theirs is published again without it, and its old records are deleted.
//!
//! It may end at any moment: what was published again by then is left out the next time ([`Met`]).

use std::collections::{BTreeSet, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use esteira_bus::{LetterId, Log, Position, Record};
use esteira_events::{AggregateKind, EventType, Topics};
use esteira_sql::Db;

use crate::erasure::ErasureError;
use crate::outbox::{Moved, move_marks};
use crate::people::People;
use crate::records::Redaction;

/// Records read at once.
const PAGE: usize = 1_000;

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Partition {
    pub(crate) topic: String,
    pub(crate) number: i32,
}

/// What a look through a partition found.
#[derive(Debug, Default)]
pub(crate) struct Scanned {
    /// The first record's offset, and the offset after the last.
    pub(crate) start: i64,
    pub(crate) end: i64,
    /// Records that have something of theirs.
    pub(crate) hits: u64,
    /// The dead letters that are about them.
    pub(crate) letters: BTreeSet<LetterId>,
}

/// The records of a partition that were read to be published again.
///
/// An erasure that is broken off leaves copies behind their originals, which are still there; so one of each is enough.
#[derive(Debug, Default)]
pub(crate) struct Met(HashSet<(i64, u64)>);

impl Met {
    /// Whether `record` has not been met, neither itself nor another copy. Only a copy can have been: the origins that a
    /// mirrored topic tells belong to somebody else's offsets.
    fn is_new(&mut self, record: &Record) -> bool {
        let mut content = DefaultHasher::new();
        (record.key.as_deref(), record.header("ce_id")).hash(&mut content);
        self.0.insert((record.origin().offset, content.finish())) || !record.is_copy()
    }
}

/// The topics that may have something of theirs.
pub(crate) struct Topic<'a> {
    pub(crate) log: &'a Arc<dyn Log>,
    pub(crate) db: &'a Db,
    pub(crate) topics: &'a Topics,
    pub(crate) people: &'a People,
}

impl Topic<'_> {
    /// Every partition of the topics of users and orders, and of their dead letters.
    pub(crate) async fn partitions(&self) -> Result<Vec<Partition>, ErasureError> {
        let of_them =
            |event: &EventType| matches!(event.aggregate(), AggregateKind::User | AggregateKind::Order);
        let names = EventType::ALL.into_iter().filter(of_them).map(|event| self.topics.name(event));
        let names: BTreeSet<String> = names.flat_map(|name| [Topics::dead_letters(&name), name]).collect();
        let present = self.log.describe().await?.topics;
        let numbers = |topic: esteira_bus::TopicDescription| {
            (0..topic.partitions).map(move |number| Partition { topic: topic.name.clone(), number })
        };
        Ok(present.into_iter().filter(|topic| names.contains(&topic.name)).flat_map(numbers).collect())
    }

    /// Looks for them in the next page of a partition; how many records there were, none at the end.
    pub(crate) async fn scan(&self, at: &Partition, scanned: &mut Scanned) -> Result<u64, ErasureError> {
        let page = self.log.read(&at.topic, at.number, scanned.end, PAGE).await?;
        let (Some(first), Some(last)) = (page.first(), page.last()) else { return Ok(0) };
        if scanned.end == 0 {
            scanned.start = first.offset;
        }
        scanned.end = last.offset + 1;
        let read = page.len() as u64;
        for mut record in page {
            let found = self.redaction().apply(&mut record);
            scanned.hits += u64::from(found.changed);
            if found.concerned && at.topic.ends_with(esteira_bus::dlq::DLQ_SUFFIX) {
                scanned.letters.insert(LetterId::of(&record));
            }
        }
        Ok(read)
    }

    /// Publishes the next page of what was `scanned`, from `next` on, again without them, each of it that was not `met` yet:
    /// where to go on, and how many records that were; `None` at the end.
    pub(crate) async fn copy(
        &self,
        at: &Partition,
        scanned: &Scanned,
        next: i64,
        met: &mut Met,
    ) -> Result<Option<(i64, u64)>, ErasureError> {
        let mut page = self.log.read(&at.topic, at.number, next, PAGE).await?;
        page.retain(|record| record.offset < scanned.end);
        let Some(last) = page.last() else { return Ok(None) };
        let next = last.offset + 1;
        page.retain(|record| met.is_new(record));
        for record in &mut page {
            self.redaction().apply(record);
        }
        let published = page.len() as u64;
        self.publish(page).await?;
        Ok(Some((next, published)))
    }

    /// Deletes what was `scanned` and published again.
    pub(crate) async fn cut(&self, at: &Partition, scanned: &Scanned) -> Result<(), ErasureError> {
        // Somebody else's erasure, whose copies were taken for ours, would have deleted the originals.
        let first = self.log.read(&at.topic, at.number, 0, 1).await?;
        if first.first().map(|record| record.offset) != Some(scanned.start) {
            return Err(ErasureError::Busy);
        }
        self.log.delete_before(&at.topic, at.number, scanned.end).await?;
        tracing::info!(
            topic = %at.topic, partition = at.number, before = scanned.end,
            "partition published again, its old records deleted"
        );
        Ok(())
    }

    async fn publish(&self, records: Vec<Record>) -> Result<(), ErasureError> {
        let answers = self.log.republish(records.clone()).await;
        let mut moved = Vec::new();
        for (record, answer) in records.iter().zip(answers) {
            let position = answer.map_err(|error| {
                let Record { topic, partition, offset, .. } = record;
                ErasureError::Unavailable(format!(
                    "{topic}/{partition}/{offset} cannot be published again: {error}"
                ))
            })?;
            moved.extend(self.moved(record, position));
        }
        Ok(move_marks(self.db, &moved).await?)
    }

    fn moved(&self, record: &Record, Position { partition, offset }: Position) -> Option<Moved> {
        let event = self.topics.decode(&record.topic, record.value.as_deref()).ok()?;
        Some(Moved {
            kind: event.aggregate(),
            aggregate_id: event.aggregate_id(),
            event_id: event.meta.event_id.to_string(),
            partition,
            offset,
        })
    }

    fn redaction(&self) -> Redaction<'_> {
        Redaction { people: self.people, topics: self.topics }
    }
}
