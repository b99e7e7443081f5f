//! The records that have come and are not taken yet, in the order in which they were written.
//!
//! A fetch brings as many bytes of each partition, so that in a backlog the topics with small records run ahead of those
//! with large ones; what belongs together would arrive far apart. So the partitions are merged by their timestamps, as Kafka
//! Streams does (KIP-353), and one that is far ahead is not fetched for a while.

use std::collections::{BTreeMap, VecDeque};
use std::mem;

use crate::Record;
use crate::ownership::{Ownership, TopicPartition};
use crate::record::bytes_of;

/// What is kept of all partitions before the next ones are left where they are.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// What is kept of one partition before it is not fetched any more, and before it is again.
const HIGH_BYTES: usize = 1024 * 1024;
const LOW_BYTES: usize = HIGH_BYTES / 4;
/// What a record takes beside its bytes.
const RECORD_BYTES: usize = 256;

/// Records by partition.
#[derive(Debug, Default)]
pub(super) struct Merge {
    partitions: BTreeMap<TopicPartition, Waiting>,
    bytes: usize,
    records: usize,
}

/// What has come of a partition.
#[derive(Debug, Default)]
struct Waiting {
    records: VecDeque<(Option<u64>, Record)>,
    bytes: usize,
    /// Until a record comes: librdkafka may lose a resume to a rebalance and not tell.
    is_paused: bool,
    /// It has kept the others waiting, and nothing came.
    is_quiet: bool,
}

impl Merge {
    pub(super) fn is_empty(&self) -> bool {
        self.records == 0
    }

    pub(super) fn has_room(&self) -> bool {
        self.bytes < MAX_BYTES
    }

    /// Adds what came under the assignment `epoch` of its partition.
    pub(super) fn push(&mut self, epoch: Option<u64>, record: Record) {
        let size = size(&record);
        let waiting = self.partitions.entry(TopicPartition::of(&record)).or_default();
        waiting.is_quiet = false;
        waiting.is_paused = false;
        waiting.bytes += size;
        waiting.records.push_back((epoch, record));
        self.bytes += size;
        self.records += 1;
    }

    /// Whether `max` records could be taken, and some partition may still have an earlier one.
    pub(super) fn should_wait(&self, max: usize, ownership: &Ownership) -> bool {
        let may_have_earlier = |partition: &TopicPartition| {
            self.partitions
                .get(partition)
                .is_none_or(|waiting| waiting.records.is_empty() && !waiting.is_quiet)
        };
        self.records >= max && self.has_room() && ownership.owned().any(may_have_earlier)
    }

    /// Those that have nothing now are not waited for until they have.
    pub(super) fn wait_no_longer(&mut self, ownership: &Ownership) {
        for partition in ownership.owned() {
            let waiting = self.partitions.entry(partition.clone()).or_default();
            waiting.is_quiet = waiting.records.is_empty();
        }
    }

    /// Takes the earliest records that are still owned, up to `max` of them or `bytes`.
    pub(super) fn take(&mut self, max: usize, bytes: usize, ownership: &mut Ownership) -> Vec<Record> {
        let (mut taken, mut sum) = (Vec::with_capacity(max.min(self.records)), 0);
        while taken.len() < max && sum < bytes {
            let Some((epoch, record)) = self.pop() else { break };
            if epoch.is_some() && ownership.epoch(&TopicPartition::of(&record)) == epoch {
                ownership.took(&record);
                sum += size(&record);
                taken.push(record);
            }
        }
        taken
    }

    fn pop(&mut self) -> Option<(Option<u64>, Record)> {
        let head = |waiting: &Waiting| waiting.records.front().map(|(_, record)| record.timestamp_ms);
        let filled = self.partitions.values_mut().filter(|waiting| !waiting.records.is_empty());
        let waiting = filled.min_by_key(|waiting| head(waiting))?;
        let (epoch, record) = waiting.records.pop_front()?;
        waiting.bytes -= size(&record);
        self.bytes -= size(&record);
        self.records -= 1;
        Some((epoch, record))
    }

    /// Forgets what has come of `partition`, which is read again.
    pub(super) fn forget(&mut self, partition: &TopicPartition) {
        if let Some(waiting) = self.partitions.get_mut(partition) {
            self.bytes -= mem::take(&mut waiting.bytes);
            self.records -= mem::take(&mut waiting.records).len();
        }
    }

    /// The partitions to fetch no more, and those to fetch again, of those that are owned.
    pub(super) fn flow(&self, ownership: &Ownership) -> (Vec<TopicPartition>, Vec<TopicPartition>) {
        let is_owned = |partition: &TopicPartition| ownership.epoch(partition).is_some();
        let owned = || self.partitions.iter().filter(|(partition, _)| is_owned(partition));
        let stop = owned().filter(|(_, waiting)| !waiting.is_paused && waiting.bytes > HIGH_BYTES);
        let resume = owned().filter(|(_, waiting)| waiting.is_paused && waiting.bytes < LOW_BYTES);
        (stop.map(|(at, _)| at.clone()).collect(), resume.map(|(at, _)| at.clone()).collect())
    }

    /// Remembers that `partitions` are not fetched.
    pub(super) fn paused(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            self.partitions.entry(partition.clone()).or_default().is_paused = true;
        }
    }
}

fn size(record: &Record) -> usize {
    RECORD_BYTES + bytes_of(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(topic: &str, offset: i64, timestamp_ms: i64, bytes: usize) -> Record {
        Record {
            topic: topic.to_owned(),
            partition: 0,
            offset,
            timestamp_ms: Some(timestamp_ms),
            key: None,
            value: Some(vec![0; bytes]),
            headers: Vec::new(),
        }
    }

    fn at(topic: &str) -> TopicPartition {
        TopicPartition::new(topic, 0)
    }

    struct Fixture {
        merge: Merge,
        ownership: Ownership,
    }

    impl Fixture {
        fn new(topics: &[&str]) -> Self {
            let mut ownership = Ownership::default();
            for topic in topics {
                ownership.assign(at(topic));
            }
            Self { merge: Merge::default(), ownership }
        }

        fn push(&mut self, record: Record) {
            let epoch = self.ownership.epoch(&TopicPartition::of(&record));
            self.merge.push(epoch, record);
        }

        fn take(&mut self, max: usize) -> Vec<(String, i64)> {
            let taken = self.merge.take(max, usize::MAX, &mut self.ownership);
            taken.into_iter().map(|record| (record.topic, record.offset)).collect()
        }
    }

    fn names(expected: &[(&str, i64)]) -> Vec<(String, i64)> {
        expected.iter().map(|(topic, offset)| ((*topic).to_owned(), *offset)).collect()
    }

    #[test]
    fn partitions_are_merged_by_their_timestamps_and_each_keeps_its_order() {
        let mut fixture = Fixture::new(&["a", "b"]);
        for (offset, timestamp) in [(0, 10), (1, 30), (2, 20)] {
            fixture.push(record("b", offset, timestamp, 1));
        }
        for (offset, timestamp) in [(7, 10), (8, 25)] {
            fixture.push(record("a", offset, timestamp, 1));
        }
        assert_eq!(fixture.take(3), names(&[("a", 7), ("b", 0), ("a", 8)]));
        assert_eq!(fixture.take(9), names(&[("b", 1), ("b", 2)]));
        assert!(fixture.merge.is_empty());
    }

    #[test]
    fn a_batch_is_held_back_for_a_partition_that_may_have_earlier_records() {
        let mut fixture = Fixture::new(&["a", "b"]);
        fixture.push(record("a", 0, 10, 1));
        assert!(!fixture.merge.should_wait(2, &fixture.ownership), "less than asked for is no backlog");
        fixture.push(record("a", 1, 20, 1));
        assert!(fixture.merge.should_wait(2, &fixture.ownership));
        fixture.merge.wait_no_longer(&fixture.ownership);
        assert!(!fixture.merge.should_wait(2, &fixture.ownership), "it has nothing");
        fixture.push(record("b", 0, 5, 1));
        assert_eq!(fixture.take(1), names(&[("b", 0)]));
        assert!(fixture.merge.should_wait(2, &fixture.ownership), "it has had something since");
    }

    #[test]
    fn what_came_under_an_earlier_assignment_is_dropped() {
        let mut fixture = Fixture::new(&["a", "b"]);
        for topic in ["a", "b"] {
            fixture.push(record(topic, 0, 10, 1));
        }
        fixture.ownership.assign(at("a"));
        fixture.push(record("a", 0, 20, 1));
        fixture.ownership.revoke(&at("b"));
        assert_eq!(fixture.take(9), names(&[("a", 0)]));
    }

    #[test]
    fn a_partition_that_is_far_ahead_is_not_fetched_until_it_is_taken() {
        let mut fixture = Fixture::new(&["a", "b"]);
        fixture.push(record("b", 0, 10, 1));
        for offset in 0..5 {
            fixture.push(record("a", offset, 20 + offset, HIGH_BYTES / 4));
        }
        let (stop, resume) = fixture.merge.flow(&fixture.ownership);
        assert_eq!((stop.as_slice(), resume), ([at("a")].as_slice(), vec![]));
        fixture.merge.paused(&stop);
        assert_eq!(fixture.merge.flow(&fixture.ownership), (vec![], vec![]));
        fixture.take(6);
        // Lost meanwhile, it is resumed when it comes again.
        fixture.ownership.revoke(&at("a"));
        assert_eq!(fixture.merge.flow(&fixture.ownership), (vec![], vec![]));
        fixture.ownership.assign(at("a"));
        assert_eq!(fixture.merge.flow(&fixture.ownership), (vec![], vec![at("a")]));
        assert_eq!(fixture.merge.flow(&fixture.ownership), (vec![], vec![at("a")]), "until something comes");
        fixture.push(record("a", 5, 25, 1));
        assert_eq!(fixture.merge.flow(&fixture.ownership), (vec![], vec![]));
    }

    #[test]
    fn records_without_bytes_take_room_too() {
        let mut fixture = Fixture::new(&["a"]);
        for offset in 0..i64::try_from(MAX_BYTES / RECORD_BYTES).unwrap() {
            assert!(fixture.merge.has_room());
            fixture.push(Record { value: None, ..record("a", offset, 10, 0) });
        }
        assert!(!fixture.merge.has_room());
    }

    #[test]
    fn what_is_read_again_is_forgotten() {
        let mut fixture = Fixture::new(&["a", "b"]);
        fixture.push(record("a", 0, 10, 100));
        fixture.push(record("b", 0, 20, 1));
        fixture.merge.forget(&at("a"));
        assert_eq!(fixture.take(9), names(&[("b", 0)]));
        assert_eq!(fixture.merge.bytes, 0);
    }
}
