//! The aggregates that a batch has loaded, evolving as the batch is decided.

use std::collections::HashMap;
use std::fmt;

use esteira_events::{AggregateKind, Payload};
use esteira_outbox::NewEvent;
use esteira_sql::Timestamp;
use serde::{Deserialize, Serialize};

use crate::service::Cause;

/// State that is the fold of its events.
pub trait Aggregate: Clone + fmt::Debug + Send + Sync + 'static {
    const KIND: AggregateKind;
    type Event: fmt::Debug + Send + Sync;

    /// The state after `event`; `None` when the event deletes it.
    fn evolve(state: Option<Self>, event: &Self::Event, at: Timestamp) -> Option<Self>;

    /// The event as the log shows it.
    fn payload(id: i64, event: &Self::Event) -> Payload;
}

/// Names an aggregate within its batch, also before it has an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slot(usize);

/// A row to write.
#[derive(Debug)]
pub struct Changed<'a, A> {
    pub id: i64,
    /// The version that the row was loaded with: the write is refused where it has another now.
    pub loaded: i64,
    pub version: i64,
    pub state: &'a A,
}

/// An aggregate right after one command, until `snapshot` gives it its id.
#[derive(Clone, Debug)]
pub struct Receipt<A> {
    slot: Slot,
    version: i64,
    state: Option<A>,
}

/// An aggregate as one command left it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot<A> {
    pub id: i64,
    /// Also the sequence of the last event.
    pub version: i64,
    /// `None` when the command deleted it.
    pub state: Option<A>,
}

/// The aggregates of one kind that a batch touches.
#[derive(Debug)]
pub struct Aggregates<A: Aggregate> {
    at: Timestamp,
    entries: Vec<Entry<A>>,
    by_id: HashMap<i64, Slot>,
}

#[derive(Debug)]
struct Entry<A: Aggregate> {
    id: Option<i64>,
    loaded: i64,
    version: i64,
    state: Option<A>,
    events: Vec<(A::Event, Cause)>,
}

impl<A: Aggregate> Aggregates<A> {
    /// Nothing loaded yet; `at` is when the batch's events occur.
    pub fn new(at: Timestamp) -> Self {
        Self { at, entries: Vec::new(), by_id: HashMap::new() }
    }

    /// Adds a row as it was loaded.
    pub fn load(&mut self, id: i64, version: i64, state: A) {
        let slot = Slot(self.entries.len());
        self.entries.push(Entry {
            id: Some(id),
            loaded: version,
            version,
            state: Some(state),
            events: Vec::new(),
        });
        self.by_id.insert(id, slot);
    }

    /// The aggregate with `id`, unless it does not exist or the batch deleted it.
    pub fn find(&self, id: i64) -> Option<(Slot, &A)> {
        let slot = *self.by_id.get(&id)?;
        self.state(slot).map(|state| (slot, state))
    }

    /// The version of the aggregate with `id`, if it exists.
    pub fn version_of(&self, id: i64) -> Option<i64> {
        self.find(id).map(|(slot, _)| self.version(slot))
    }

    pub fn state(&self, slot: Slot) -> Option<&A> {
        self.entries[slot.0].state.as_ref()
    }

    pub fn version(&self, slot: Slot) -> i64 {
        self.entries[slot.0].version
    }

    /// The id; 0 for a new aggregate until its row is inserted.
    pub fn id(&self, slot: Slot) -> i64 {
        self.entries[slot.0].id.unwrap_or(0)
    }

    /// Evolves the aggregate by `events`, each of which takes the next version.
    pub fn apply(&mut self, slot: Slot, events: impl IntoIterator<Item = A::Event>, cause: &Cause) {
        let entry = &mut self.entries[slot.0];
        for event in events {
            entry.version += 1;
            entry.state = A::evolve(entry.state.take(), &event, self.at);
            entry.events.push((event, *cause));
        }
    }

    /// Starts a new aggregate, whose id its row's insert will give.
    pub fn create(&mut self, events: impl IntoIterator<Item = A::Event>, cause: &Cause) -> Slot {
        let slot = Slot(self.entries.len());
        self.entries.push(Entry { id: None, loaded: 0, version: 0, state: None, events: Vec::new() });
        self.apply(slot, events, cause);
        slot
    }

    /// The aggregate as it is now, for the caller of the command that was just decided.
    pub fn receipt(&self, slot: Slot) -> Receipt<A> {
        Receipt { slot, version: self.version(slot), state: self.state(slot).cloned() }
    }

    /// What the caller is told, once new rows have their ids.
    pub fn snapshot(&self, receipt: Receipt<A>) -> Snapshot<A> {
        Snapshot { id: self.id(receipt.slot), version: receipt.version, state: receipt.state }
    }

    /// New aggregates, in the order in which they were created.
    pub fn created(&self) -> Vec<(Slot, &A)> {
        self.slots(|entry| entry.id.is_none())
            .filter_map(|slot| self.state(slot).map(|state| (slot, state)))
            .collect()
    }

    /// Gives a new aggregate the id of its row.
    pub fn assign(&mut self, slot: Slot, id: i64) {
        self.entries[slot.0].id = Some(id);
        self.by_id.insert(id, slot);
    }

    /// Loaded aggregates that the batch changed, ids ascending.
    pub fn changed(&self) -> Vec<Changed<'_, A>> {
        let mut changed: Vec<_> = self
            .entries
            .iter()
            .filter(|entry| entry.loaded > 0 && entry.version > entry.loaded)
            .filter_map(|entry| {
                let (id, state) = (entry.id?, entry.state.as_ref()?);
                Some(Changed { id, loaded: entry.loaded, version: entry.version, state })
            })
            .collect();
        changed.sort_by_key(|row| row.id);
        changed
    }

    /// Loaded aggregates that the batch deleted: their ids and the versions that they were loaded with.
    pub fn deleted(&self) -> Vec<(i64, i64)> {
        self.entries
            .iter()
            .filter(|entry| entry.loaded > 0 && entry.state.is_none())
            .filter_map(|entry| entry.id.map(|id| (id, entry.loaded)))
            .collect()
    }

    /// Takes the events of the batch, of each aggregate in order. Every new aggregate must have its id by now.
    pub fn take_events(&mut self) -> Vec<NewEvent> {
        let mut taken = Vec::new();
        for entry in &mut self.entries {
            let id = entry.id.unwrap_or(0);
            for (sequence, (event, cause)) in (entry.loaded + 1..).zip(entry.events.drain(..)) {
                taken.push(NewEvent {
                    payload: A::payload(id, &event),
                    sequence,
                    occurred_at: self.at,
                    trace: cause.trace,
                });
            }
        }
        taken
    }

    fn slots(&self, wanted: impl Fn(&Entry<A>) -> bool) -> impl Iterator<Item = Slot> {
        self.entries.iter().enumerate().filter(move |(_, entry)| wanted(entry)).map(|(index, _)| Slot(index))
    }
}
