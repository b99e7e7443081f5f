//! What one member of a group owns, has taken and may commit: the rules by which a committed offset neither runs ahead
//! of what was taken nor goes back.

use std::collections::HashMap;

use crate::Record;

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TopicPartition {
    pub(crate) topic: String,
    pub(crate) partition: i32,
}

impl TopicPartition {
    pub(crate) fn new(topic: impl Into<String>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }

    pub(crate) fn of(record: &Record) -> Self {
        Self::new(record.topic.as_str(), record.partition)
    }
}

/// An offset of a partition, as long as the assignment lasts under which it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) at: TopicPartition,
    pub(crate) epoch: u64,
    pub(crate) offset: i64,
}

#[derive(Debug)]
struct Owned {
    /// Which assignment of the partition to this member this is.
    epoch: u64,
    /// The first offset taken since the assignment, and the offset after the last.
    taken: Option<(i64, i64)>,
    /// Asked to be committed, and known to be.
    wanted: Option<i64>,
    committed: Option<i64>,
}

/// The partitions that a member owns. An offset here is always the next one to read.
#[derive(Debug, Default)]
pub(crate) struct Ownership {
    partitions: HashMap<TopicPartition, Owned>,
    epochs: u64,
}

impl Ownership {
    /// A partition came: nothing that was taken from it before counts any more.
    pub(crate) fn assign(&mut self, partition: TopicPartition) {
        self.epochs += 1;
        let owned = Owned { epoch: self.epochs, taken: None, wanted: None, committed: None };
        self.partitions.insert(partition, owned);
    }

    pub(crate) fn revoke(&mut self, partition: &TopicPartition) {
        self.partitions.remove(partition);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.partitions.is_empty()
    }

    pub(crate) fn owned(&self) -> impl Iterator<Item = &TopicPartition> {
        self.partitions.keys()
    }

    /// Of which assignment of its partition `record` is; `None` when the partition is not owned.
    pub(crate) fn epoch(&self, partition: &TopicPartition) -> Option<u64> {
        self.partitions.get(partition).map(|owned| owned.epoch)
    }

    /// Remembers that `record` is in the caller's hands.
    pub(crate) fn took(&mut self, record: &Record) {
        if let Some(owned) = self.partitions.get_mut(&TopicPartition::of(record)) {
            let first = owned.taken.map_or(record.offset, |(first, _)| first.min(record.offset));
            owned.taken = Some((first, record.offset + 1));
        }
    }

    /// Asks for the offsets after `records` to be committed, as far as they were taken in the current assignment.
    pub(crate) fn want(&mut self, records: &[Record]) {
        for record in records {
            let Some(owned) = self.partitions.get_mut(&TopicPartition::of(record)) else { continue };
            if owned.taken.is_some_and(|(first, next)| (first..next).contains(&record.offset)) {
                owned.wanted = owned.wanted.max(Some(record.offset + 1));
            }
        }
    }

    /// What was asked for and is not known to be committed.
    pub(crate) fn pending(&self) -> Vec<Place> {
        let behind = |owned: &Owned| owned.wanted.filter(|wanted| Some(*wanted) > owned.committed);
        let place = |(at, owned): (&TopicPartition, &Owned)| {
            Some(Place { at: at.clone(), epoch: owned.epoch, offset: behind(owned)? })
        };
        self.partitions.iter().filter_map(place).collect()
    }

    pub(crate) fn committed(&mut self, places: &[Place]) {
        for place in places {
            let owned = self.partitions.get_mut(&place.at).filter(|owned| owned.epoch == place.epoch);
            if let Some(owned) = owned {
                owned.committed = owned.committed.max(Some(place.offset));
            }
        }
    }

    pub(crate) fn still_holds(&self, place: &Place) -> bool {
        self.epoch(&place.at) == Some(place.epoch)
    }

    /// Forgets what was taken and not committed; the result tells where to read on.
    pub(crate) fn rewind(&mut self) -> Vec<Place> {
        let mut places = Vec::new();
        for (partition, owned) in &mut self.partitions {
            owned.wanted = owned.committed;
            let Some((first, next)) = owned.taken else { continue };
            let back = owned.committed.unwrap_or(first);
            if back < next {
                owned.taken = Some((first, back));
                places.push(Place { at: partition.clone(), epoch: owned.epoch, offset: back });
            }
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(offset: i64) -> Record {
        let headers = Vec::new();
        Record {
            topic: "t".to_owned(),
            partition: 0,
            offset,
            timestamp_ms: None,
            key: None,
            value: None,
            headers,
        }
    }

    fn offsets(places: &[Place]) -> Vec<i64> {
        places.iter().map(|place| place.offset).collect()
    }

    #[test]
    fn a_record_taken_before_the_partition_was_lost_and_won_back_does_not_count() {
        let (mut ownership, at) = (Ownership::default(), TopicPartition::new("t", 0));
        ownership.assign(at.clone());
        ownership.took(&record(3));
        ownership.revoke(&at);
        ownership.want(&[record(3)]);
        ownership.assign(at);
        ownership.want(&[record(3)]);
        ownership.took(&record(7));
        ownership.want(&[record(3)]);
        assert_eq!(ownership.pending(), []);
        ownership.want(&[record(7)]);
        assert_eq!(offsets(&ownership.pending()), [8]);
    }

    #[test]
    fn an_answer_to_a_commit_of_an_earlier_assignment_does_not_count() {
        let (mut ownership, at) = (Ownership::default(), TopicPartition::new("t", 0));
        ownership.assign(at.clone());
        ownership.took(&record(5));
        ownership.want(&[record(5)]);
        let late = ownership.pending();
        ownership.assign(at);
        ownership.took(&record(2));
        ownership.want(&[record(2)]);
        ownership.committed(&late);
        assert_eq!(offsets(&ownership.pending()), [3]);
    }

    #[test]
    fn rewinding_goes_back_to_what_is_committed_and_else_to_what_was_first_taken() {
        let mut ownership = Ownership::default();
        ownership.assign(TopicPartition::new("t", 0));
        (4..8).for_each(|offset| ownership.took(&record(offset)));
        assert_eq!(offsets(&ownership.rewind()), [4]);
        (4..8).for_each(|offset| ownership.took(&record(offset)));
        ownership.want(&[record(5)]);
        ownership.committed(&ownership.pending());
        assert_eq!(offsets(&ownership.rewind()), [6]);
        assert_eq!(ownership.rewind(), []);
    }
}
