//! What tools ask of the place where a consumer group keeps the records that it could not apply.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::{Outage, Record};

/// How a record stands with a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It waits for its predecessor, or for its next attempt.
    Waiting,
    /// Given up: it waits for an operator.
    Dead,
    /// An operator has given it up for good.
    Discarded,
}

impl Standing {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Dead => "dead",
            Self::Discarded => "discarded",
        }
    }
}

/// What a record that was set aside awaits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Awaits {
    /// The event before it, or its document.
    Predecessor,
    NextAttempt,
    /// It is a dead letter.
    Operator,
}

/// Records that a group has set aside and that await the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    pub awaits: Awaits,
    /// Counted up to a limit.
    pub records: u64,
    /// Since when the oldest is there.
    pub oldest: Option<DateTime<Utc>>,
    /// What that one, or another, failed with.
    pub error: Option<String>,
}

/// Why a record cannot be handed in again.
#[derive(Debug, thiserror::Error)]
pub enum RedriveError {
    #[error(transparent)]
    Outage(#[from] Outage),
    /// It would fail as it did: no event is read from it.
    #[error("{0}")]
    Undecodable(String),
    /// The record at this position waits in its place.
    #[error("{0} waits in its place")]
    Taken(String),
}

/// What a redrive would do.
#[derive(Clone, Debug, PartialEq)]
pub enum Preview {
    /// A view's document becomes another; `None` where there is none.
    View { before: Option<Value>, after: Option<Value> },
    /// Nothing: the effect is there already.
    Known,
    /// It waits for its predecessor.
    Waits,
    /// The group runs a command, whose outcome depends on the state then.
    Command(String),
    /// It would fail again.
    Fails(String),
}

/// The retry store of one consumer group. A redrive goes there and not to the topic, where it would hit every group.
#[async_trait]
pub trait RetryStore: Send + Sync {
    fn group(&self) -> &str;

    /// Whether the group reads `topic`.
    fn reads(&self, topic: &str) -> bool;

    /// How each of `records` stands, in their order; `None` where the store has nothing of it.
    async fn standing(&self, records: &[Record]) -> Result<Vec<Option<Standing>>, Outage>;

    /// How many records stand how.
    async fn counts(&self) -> Result<Vec<(Standing, u64)>, Outage>;

    /// Hands `record` in again: it is due at once, with all its attempts. A record that the group has applied changes
    /// nothing.
    async fn redrive(&self, record: &Record) -> Result<(), RedriveError>;

    /// Gives `record` up for good, so that what waits behind it goes on.
    async fn discard(&self, record: &Record, reason: &str) -> Result<(), Outage>;

    async fn preview(&self, record: &Record) -> Result<Preview, Outage>;

    /// What is set aside now, an entry for each thing awaited; counts end at `most`.
    async fn set_aside(&self, most: u32) -> Result<Vec<SetAside>, Outage>;
}
