//! What one look has seen.

use chrono::{DateTime, TimeDelta, Utc};
use esteira_bus::dlq::SetAside;
use esteira_outbox::{DispatcherNow, SLOTS, Stuck};
use esteira_telemetry::StageReport;

use super::flow::Flow;

/// Counts end here.
pub(crate) const COUNTED: u32 = 10_000;
/// Refused rows that are told.
pub(crate) const REFUSED: u32 = 100;

/// The belt at one moment. An engine that is away has its error in its place.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) at: DateTime<Utc>,
    pub(crate) outbox: Result<OutboxNow, String>,
    pub(crate) log: Result<LogNow, String>,
    pub(crate) views: Result<ViewsNow, String>,
    /// The stages of this process.
    pub(crate) stages: Vec<StageReport>,
    pub(crate) troubles: Vec<Trouble>,
}

#[derive(Clone, Debug)]
pub(crate) struct OutboxNow {
    /// Events that services store.
    pub(crate) stored: Flow,
    /// The same a second by kind of aggregate.
    pub(crate) by_aggregate: Vec<(String, f64)>,
    /// Counted up to [`COUNTED`].
    pub(crate) waiting: i64,
    pub(crate) oldest: Option<DateTime<Utc>>,
    /// The oldest rows that the log has refused.
    pub(crate) refused: Vec<Stuck>,
    /// Those that are alive.
    pub(crate) dispatchers: Vec<DispatcherNow>,
}

impl OutboxNow {
    /// Slots whose events nobody publishes.
    pub(crate) fn nobodys_slots(&self) -> i64 {
        i64::from(SLOTS) - self.dispatchers.iter().map(|dispatcher| dispatcher.slots).sum::<i64>()
    }
}

#[derive(Clone, Debug)]
pub(crate) struct LogNow {
    /// Records that come into the topics of events.
    pub(crate) published: Flow,
    pub(crate) topics: usize,
    pub(crate) records: i64,
    /// Records in the dead letter queues, whatever became of them.
    pub(crate) dead: i64,
    pub(crate) groups: Vec<GroupNow>,
}

/// A consumer group.
#[derive(Clone, Debug)]
pub(crate) struct GroupNow {
    pub(crate) name: String,
    /// Records that it commits.
    pub(crate) applied: Flow,
    pub(crate) lag: i64,
    /// How long the oldest record waits for the group.
    pub(crate) oldest: Option<TimeDelta>,
    /// How long it has committed nothing although records wait.
    pub(crate) idle: Option<TimeDelta>,
    pub(crate) aside: Result<Vec<SetAside>, String>,
}

#[derive(Clone, Debug)]
pub(crate) struct ViewsNow {
    pub(crate) engine: String,
    /// Names, collections and their documents, counted up to [`COUNTED`].
    pub(crate) documents: Vec<(&'static str, &'static str, i64)>,
}

/// Something that does not go on by itself, or has not for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) what: String,
    pub(crate) why: String,
    pub(crate) age: Option<TimeDelta>,
    /// Where to look or act.
    pub(crate) page: &'static str,
}
