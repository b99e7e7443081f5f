//! The changes that the log has told and the views do not show yet.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use esteira_events::Event;
use tokio::time::Instant;

use super::offsets::{Offsets, Spot};

/// Longer than a record is retried. A change that its view has not shown by then has been given up, or its view is away:
/// it is told when it comes, and those who resume need not begin with it.
const PATIENCE: Duration = Duration::from_mins(1);

/// What an order's view has to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Sequence(i64),
    /// The id of an event of the Go services, which moves no version.
    Unsequenced(String),
}

impl Wanted {
    pub(super) fn of(event: &Event) -> Self {
        event.sequence().map_or_else(|| Self::Unsequenced(event.meta.event_id.to_string()), Self::Sequence)
    }

    fn is_shown(&self, standing: &Standing) -> bool {
        match self {
            Self::Sequence(sequence) => standing.version >= *sequence,
            Self::Unsequenced(id) => standing.deleted || standing.applied.contains(id),
        }
    }
}

/// How far an order's view has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) version: i64,
    /// The unsequenced events that it has.
    pub(super) applied: Vec<String>,
    pub(super) deleted: bool,
}

#[derive(Debug)]
struct Waiting {
    wanted: Wanted,
    at: Spot,
    since: Instant,
    /// Whether those who resume have to begin with it.
    holds: bool,
}

/// By order, those that have waited longest since they were looked at first.
#[derive(Debug, Default)]
pub(super) struct Awaited {
    orders: HashMap<i64, Vec<Waiting>>,
    turn: VecDeque<i64>,
    held: BTreeMap<(usize, usize), BTreeSet<i64>>,
}

impl Awaited {
    pub(super) fn len(&self) -> usize {
        self.turn.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.turn.is_empty()
    }

    pub(super) fn add(&mut self, order: i64, wanted: Wanted, at: Spot) {
        let waiting = self.orders.entry(order).or_default();
        if waiting.is_empty() {
            self.turn.push_back(order);
        }
        waiting.push(Waiting { wanted, at, since: Instant::now(), holds: true });
        self.held.entry((at.topic, at.partition)).or_default().insert(at.offset);
    }

    /// The orders to look at next.
    pub(super) fn next(&self, most: usize) -> Vec<i64> {
        self.turn.iter().take(most).copied().collect()
    }

    /// Takes away what `order`'s view shows; whether that was anything. The order is the last one to be looked at again.
    pub(super) fn settle(&mut self, order: i64, standing: &Standing) -> bool {
        let Some(mut waiting) = self.orders.remove(&order) else { return false };
        let (shown, hidden): (Vec<_>, Vec<_>) =
            waiting.drain(..).partition(|waiting| waiting.wanted.is_shown(standing));
        for waiting in &shown {
            self.let_go(waiting);
        }
        waiting = hidden;
        for waiting in &mut waiting {
            if waiting.holds && waiting.since.elapsed() > PATIENCE {
                self.let_go(waiting);
                waiting.holds = false;
            }
        }
        if let Some(index) = self.turn.iter().position(|other| *other == order) {
            self.turn.remove(index);
        }
        if !waiting.is_empty() {
            self.orders.insert(order, waiting);
            self.turn.push_back(order);
        }
        !shown.is_empty()
    }

    fn let_go(&mut self, waiting: &Waiting) {
        if let Some(held) = self.held.get_mut(&(waiting.at.topic, waiting.at.partition)) {
            held.remove(&waiting.at.offset);
        }
    }

    /// Whether somebody who resumes has to begin with something of this.
    pub(super) fn holds(&self) -> bool {
        self.held.values().any(|held| !held.is_empty())
    }

    /// From where everything comes that is not told yet, if all before `next` was read.
    pub(super) fn untold(&self, next: &Offsets) -> Offsets {
        let mut untold = next.clone();
        for ((topic, partition), held) in &self.held {
            if let Some(first) = held.first() {
                untold.put(Spot { topic: *topic, partition: *partition, offset: *first });
            }
        }
        untold
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(topic: usize, offset: i64) -> Spot {
        Spot { topic, partition: 0, offset }
    }

    fn version(version: i64) -> Standing {
        Standing { version, ..Standing::default() }
    }

    fn offsets(text: &str) -> Offsets {
        use base64::Engine;
        let id = format!(r#"{{"format":1,"next":{text}}}"#);
        Offsets::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(id), 2).unwrap()
    }

    #[test]
    fn a_change_is_untold_until_its_view_shows_it() {
        let (mut awaited, next) = (Awaited::default(), offsets("[[9],[9]]"));
        awaited.add(7, Wanted::Sequence(1), at(0, 3));
        awaited.add(8, Wanted::Sequence(1), at(0, 4));
        awaited.add(7, Wanted::Sequence(2), at(1, 5));
        assert_eq!((awaited.next(9), awaited.untold(&next)), (vec![7, 8], offsets("[[3],[5]]")));
        assert!(!awaited.settle(7, &version(0)));
        assert!(awaited.settle(7, &version(1)));
        assert_eq!((awaited.next(9), awaited.untold(&next)), (vec![8, 7], offsets("[[4],[5]]")));
        assert!(awaited.settle(8, &version(3)));
        assert!(awaited.settle(7, &version(2)));
        assert!(awaited.is_empty());
        assert_eq!(awaited.untold(&next), next);
    }

    #[test]
    fn an_unsequenced_event_is_shown_where_the_view_remembers_it_or_is_deleted() {
        let mut awaited = Awaited::default();
        awaited.add(7, Wanted::Unsequenced("a".to_owned()), at(0, 3));
        assert!(!awaited.settle(7, &version(9)));
        assert!(awaited.settle(7, &Standing { applied: vec!["a".to_owned()], ..version(1) }));
        awaited.add(7, Wanted::Unsequenced("b".to_owned()), at(0, 4));
        assert!(awaited.settle(7, &Standing { deleted: true, ..version(1) }));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_given_up_holds_nobody_back_and_is_still_awaited() {
        let (mut awaited, next) = (Awaited::default(), offsets("[[9],[9]]"));
        awaited.add(7, Wanted::Sequence(2), at(0, 3));
        tokio::time::advance(PATIENCE + Duration::from_secs(1)).await;
        assert!(!awaited.settle(7, &version(1)));
        assert_eq!((awaited.untold(&next), awaited.holds()), (next, false));
        assert!(awaited.settle(7, &version(2)));
    }
}
