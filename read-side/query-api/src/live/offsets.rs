//! How far something has come in the orders' topics: what an event's id says and `Last-Event-ID` brings back.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use esteira_bus::{Log, LogError, PartitionLag, Position};
use serde::{Deserialize, Serialize};

/// Changes when the meaning of the fields does, or the topics.
const FORMAT: u8 = 1;

/// The next offset of each partition of each topic, in the order in which the topics are named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offsets(Vec<Vec<i64>>);

/// A partition by its place in [`Offsets`], and an offset in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) topic: usize,
    pub(super) partition: usize,
    pub(super) offset: i64,
}

#[derive(Deserialize, Serialize)]
struct EventId {
    format: u8,
    next: Vec<Vec<i64>>,
}

impl Offsets {
    /// An event's id.
    pub(super) fn encode(&self) -> String {
        let id = EventId { format: FORMAT, next: self.0.clone() };
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&id).unwrap_or_default())
    }

    /// `None` for what is not the id of an event of these topics.
    pub(super) fn decode(text: &str, topics: usize) -> Option<Self> {
        let id: EventId = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let offsets = id.next.iter().flatten().all(|offset| *offset >= 0);
        (id.format == FORMAT && id.next.len() == topics && offsets).then_some(Self(id.next))
    }

    /// In each partition the earlier one of both.
    pub(super) fn earlier(&self, other: &Self) -> Self {
        self.zip(other, i64::min)
    }

    /// Whether nothing is left between here and `end`.
    pub(super) fn reaches(&self, end: &Self) -> bool {
        self.spots().all(|spot| end.get(spot.topic, spot.partition).is_none_or(|end| spot.offset >= end))
    }

    pub(super) fn get(&self, topic: usize, partition: usize) -> Option<i64> {
        self.0.get(topic)?.get(partition).copied()
    }

    /// Goes on to behind `spot`.
    pub(super) fn pass(&mut self, spot: Spot) {
        self.put(Spot { offset: spot.offset + 1, ..spot });
    }

    pub(super) fn put(&mut self, Spot { topic, partition, offset }: Spot) {
        if let Some(next) = self.0.get_mut(topic).and_then(|topic| topic.get_mut(partition)) {
            *next = offset;
        }
    }

    fn spots(&self) -> impl Iterator<Item = Spot> {
        self.0.iter().enumerate().flat_map(|(topic, partitions)| {
            let spot = move |(partition, offset): (usize, &i64)| Spot { topic, partition, offset: *offset };
            partitions.iter().enumerate().map(spot)
        })
    }

    fn zip(&self, other: &Self, choose: impl Fn(i64, i64) -> i64) -> Self {
        let mut chosen = self.clone();
        for spot in self.spots() {
            if let Some(other) = other.get(spot.topic, spot.partition) {
                chosen.put(Spot { offset: choose(spot.offset, other), ..spot });
            }
        }
        chosen
    }

    /// For [`Log::tail`].
    pub(super) fn places(&self, topics: &[String]) -> Vec<(String, Position)> {
        let place = |spot: Spot| {
            let partition = i32::try_from(spot.partition).ok()?;
            Some((topics.get(spot.topic)?.clone(), Position { partition, offset: spot.offset }))
        };
        self.spots().filter_map(place).collect()
    }
}

/// What the log has of the orders' topics now, and how far the views have come.
pub(super) struct Bounds {
    starts: Offsets,
    ends: Offsets,
    /// Where the projector goes on: what is behind it is in the views, or waits beside them.
    pub(super) projected: Offsets,
}

impl Bounds {
    /// Looks at the log. A topic that does not exist is `Invalid`.
    pub(super) async fn look(log: &dyn Log, group: &str, topics: &[String]) -> Result<Self, LogError> {
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        let mut found = log.lag(group, &names).await?;
        found.sort_by_key(|lag| lag.partition);
        if let Some(missing) = topics.iter().find(|topic| !found.iter().any(|lag| lag.topic == **topic)) {
            return Err(LogError::Invalid(format!("there is no topic {missing}")));
        }
        let offsets = |offset: fn(&PartitionLag) -> i64| {
            let of_topic =
                |topic: &String| found.iter().filter(|lag| lag.topic == *topic).map(offset).collect();
            Offsets(topics.iter().map(of_topic).collect())
        };
        Ok(Self {
            starts: offsets(|lag| lag.start),
            ends: offsets(|lag| lag.end),
            projected: offsets(|lag| lag.committed.unwrap_or(lag.start).max(lag.start).min(lag.end)),
        })
    }

    /// `offsets` with the partitions that came since; `None` where the log no longer has all that follows them.
    pub(super) fn resume(&self, offsets: &Offsets) -> Option<Offsets> {
        let fewer = offsets.spots().any(|spot| self.starts.get(spot.topic, spot.partition).is_none());
        let resumed = self.starts.zip(&self.starts, |start, _| start).zip(offsets, |_, next| next);
        let kept = self.starts.spots().all(|start| {
            let next = resumed.get(start.topic, start.partition);
            let end = self.ends.get(start.topic, start.partition);
            next >= Some(start.offset) && next <= end
        });
        (kept && !fewer).then_some(resumed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds() -> Bounds {
        Bounds {
            starts: Offsets(vec![vec![2, 0], vec![0, 0]]),
            ends: Offsets(vec![vec![9, 4], vec![0, 3]]),
            projected: Offsets(vec![vec![9, 4], vec![0, 3]]),
        }
    }

    #[test]
    fn an_id_comes_back_exactly_and_nothing_else_is_one() {
        let offsets = Offsets(vec![vec![2, 0], vec![7]]);
        let text = offsets.encode();
        assert_eq!(Offsets::decode(&text, 2), Some(offsets));
        assert_eq!(Offsets::decode(&text, 3), None);
        let negative = Offsets(vec![vec![-1], vec![]]).encode();
        for broken in ["", "x", "e30", &text[1..], &format!("{text}="), &negative] {
            assert_eq!(Offsets::decode(broken, 2), None, "{broken}");
        }
    }

    #[test]
    fn offsets_that_the_log_no_longer_has_cannot_be_resumed() {
        let at = |first, second| Offsets(vec![vec![first, 4], vec![0, second]]);
        assert_eq!(bounds().resume(&at(2, 3)), Some(at(2, 3)));
        assert_eq!(bounds().resume(&at(1, 3)), None, "deleted");
        assert_eq!(bounds().resume(&at(2, 4)), None, "of another log");
    }

    #[test]
    fn a_partition_that_came_since_is_read_from_its_start_and_one_that_went_expires() {
        let fewer = Offsets(vec![vec![5], vec![0, 1]]);
        assert_eq!(bounds().resume(&fewer), Some(Offsets(vec![vec![5, 0], vec![0, 1]])));
        assert_eq!(bounds().resume(&Offsets(vec![vec![5, 0, 0], vec![0, 1]])), None);
    }

    #[test]
    fn an_end_is_reached_in_every_partition_or_not_at_all() {
        let end = Offsets(vec![vec![5, 1]]);
        assert!(Offsets(vec![vec![5, 2]]).reaches(&end));
        assert!(!Offsets(vec![vec![6, 0]]).reaches(&end));
        assert_eq!(Offsets(vec![vec![6, 0]]).earlier(&end), Offsets(vec![vec![5, 0]]));
    }
}
