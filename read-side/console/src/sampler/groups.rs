//! A consumer group: its rate, its lag, and how long the oldest record waits.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use esteira_bus::{Group, PartitionLag};

use super::flow::Meter;
use super::sample::GroupNow;
use crate::Desk;

/// Ends of a partition that are remembered.
const REMEMBERED: usize = 120;
/// Records that one look reads, to know since when they wait.
const READ: usize = 2;

type Partition = (String, i32);

#[derive(Default)]
pub(super) struct GroupMemory {
    applied: Meter,
    committed: i64,
    /// Since when it has committed nothing although records wait.
    idle: Option<Instant>,
    /// When the end of a partition was first seen where it was.
    ends: HashMap<Partition, VecDeque<(Instant, i64)>>,
    /// What was read: the next record of a group in a partition, and when it was written.
    written: HashMap<Partition, (i64, DateTime<Utc>)>,
}

impl GroupMemory {
    pub(super) async fn look(
        &mut self,
        desk: &Desk,
        group: &Group,
        partitions: Vec<PartitionLag>,
        now: Instant,
    ) -> GroupNow {
        let lag: i64 = partitions.iter().map(PartitionLag::lag).sum();
        let committed: i64 = partitions.iter().filter_map(|partition| partition.committed).sum();
        let stands = lag > 0 && committed == self.committed;
        self.idle = if stands { self.idle.or(Some(now)) } else { None };
        self.committed = committed;
        let oldest = self.oldest(desk, &partitions, now).await;
        let idle = self.idle.map(|since| delta(since, now));
        let applied = self.applied.at(now, committed);
        GroupNow { name: group.name.clone(), applied, lag, oldest, idle, aside: Ok(Vec::new()) }
    }

    /// How long the oldest record waits: since the end was first seen beyond what is committed, or, where that was
    /// before anybody looked, since it was written.
    async fn oldest(&mut self, desk: &Desk, partitions: &[PartitionLag], now: Instant) -> Option<TimeDelta> {
        let mut oldest = None;
        let mut read = 0;
        for partition in partitions {
            let at = (partition.topic.clone(), partition.partition);
            let next = partition.committed.unwrap_or(partition.start).max(partition.start);
            let ends = self.ends.entry(at.clone()).or_default();
            let first = ends.is_empty();
            if ends.back().is_none_or(|(_, end)| *end != partition.end) {
                ends.push_back((now, partition.end));
            }
            if partition.lag() == 0 {
                continue;
            }
            let seen = ends.iter().position(|(_, end)| *end > next);
            let seen_after = seen.filter(|place| *place > 0 && !first).and_then(|place| ends.get(place));
            let waits = if let Some((since, _)) = seen_after {
                Some(delta(*since, now))
            } else {
                self.since_written(desk, at.clone(), next, &mut read).await
            };
            if let Some(ends) = self.ends.get_mut(&at) {
                while ends.len() > REMEMBERED {
                    ends.pop_front();
                }
            }
            oldest = oldest.max(waits);
        }
        oldest
    }

    async fn since_written(
        &mut self,
        desk: &Desk,
        at: Partition,
        offset: i64,
        read: &mut usize,
    ) -> Option<TimeDelta> {
        let known = self.written.get(&at).filter(|(known, _)| *known == offset).map(|(_, written)| *written);
        if let Some(written) = known {
            return Some(Utc::now() - written);
        }
        if *read >= READ {
            return None;
        }
        *read += 1;
        let record = desk.log().read(&at.0, at.1, offset, 1).await.ok()?.pop()?;
        let written = DateTime::from_timestamp_millis(record.timestamp_ms?)?;
        self.written.insert(at, (offset, written));
        Some(Utc::now() - written)
    }
}

fn delta(since: Instant, now: Instant) -> TimeDelta {
    TimeDelta::from_std(now.saturating_duration_since(since)).unwrap_or(TimeDelta::MAX)
}
