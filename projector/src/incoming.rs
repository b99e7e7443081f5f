//! Events on their way through the gate.

use std::collections::BTreeMap;

use esteira_bus::Record;
use esteira_events::{AggregateKind, Event};
use esteira_sql::Timestamp;

/// What an event happened to.
pub(crate) type Key = (AggregateKind, i64);

/// An event with the record that it came in.
#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    pub(crate) event: Event,
    pub(crate) record: Record,
    /// Set where the event comes from the parking place.
    pub(crate) parked: Option<Parked>,
}

/// Where and how a parked event waits.
#[derive(Clone, Debug)]
pub(crate) struct Parked {
    pub(crate) id: String,
    /// For its predecessor or its document, and not for its next attempt.
    pub(crate) waits: bool,
    /// When its next attempt is due, or which time this attempt has put it off to.
    pub(crate) next_attempt_at: Option<Timestamp>,
    pub(crate) attempts: u32,
    pub(crate) first_failure_ms: Option<i64>,
}

impl Incoming {
    pub(crate) fn new(event: Event, record: Record) -> Self {
        Self { event, record, parked: None }
    }

    pub(crate) fn key(&self) -> Key {
        (self.event.aggregate(), self.event.aggregate_id())
    }

    /// The `_id` of the parked document: the same event parked twice is one document.
    pub(crate) fn parked_id(&self) -> String {
        let (kind, id) = self.key();
        match self.event.sequence() {
            Some(sequence) => parked_id((kind, id), sequence),
            None => format!("{kind}:{id}:{}", self.event.meta.event_id),
        }
    }
}

/// The `_id` of the parked document with `sequence`.
pub(crate) fn parked_id((kind, id): Key, sequence: i64) -> String {
    format!("{kind}:{id}:{sequence}")
}

/// Events by aggregate.
pub(crate) type Pending = BTreeMap<Key, Vec<Incoming>>;

pub(crate) fn by_key(incoming: impl IntoIterator<Item = Incoming>) -> Pending {
    let mut pending = Pending::new();
    for incoming in incoming {
        pending.entry(incoming.key()).or_default().push(incoming);
    }
    pending
}
