//! The parking place: events that came early, or failed and wait for their next attempt.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use esteira_bus::dlq::ATTEMPT_CLAIM;
use esteira_bus::{Record, next_attempt};
use esteira_events::{AggregateKind, Topics};
use esteira_sql::Timestamp;
use esteira_views::{
    DocId, Document, Fields, Filter, Guard, Outcome, PARKED, Query, Scalar, Sort, Views, ViewsError, Write,
    from_document, to_document,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::incoming::{Incoming, Key, Parked, parked_id};

/// The most events of one aggregate that one look takes out.
const CHAIN: u32 = 256;
/// The events right behind a head that one query looks for, for all heads.
const FEW: i64 = 4;

/// What a parked event waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Its predecessor, or its document.
    Waiting,
    /// Its next attempt.
    Retry,
    /// An operator: it is in the dead letter queue.
    Dead,
    /// Nothing: an operator gave it up, and there is no event to know it by.
    Discarded,
}

/// A parked document.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ParkedEvent {
    pub(crate) id: String,
    pub(crate) group: String,
    pub(crate) aggregate: String,
    pub(crate) aggregate_id: i64,
    pub(crate) sequence: Option<i64>,
    pub(crate) event_id: Option<String>,
    pub(crate) state: State,
    #[serde(default)]
    pub(crate) attempts: u32,
    pub(crate) next_attempt_at: Option<Timestamp>,
    pub(crate) parked_at: Timestamp,
    pub(crate) first_failure_at: Option<Timestamp>,
    pub(crate) error: Option<String>,
    pub(crate) record: Record,
}

impl ParkedEvent {
    pub(crate) fn waiting(incoming: &Incoming, group: &str) -> Self {
        let (kind, id) = incoming.key();
        Self {
            id: incoming.parked_id(),
            group: group.to_owned(),
            aggregate: kind.to_string(),
            aggregate_id: id,
            sequence: incoming.event.sequence(),
            event_id: Some(incoming.event.meta.event_id.to_string()),
            state: State::Waiting,
            attempts: 0,
            next_attempt_at: None,
            parked_at: Timestamp::now(),
            first_failure_at: None,
            error: None,
            record: incoming.record.clone(),
        }
    }

    /// The event after one more failed attempt; `Dead` when there is none left.
    pub(crate) fn failed(incoming: &Incoming, group: &str, error: &str, now: DateTime<Utc>) -> Self {
        let before = incoming.parked.as_ref();
        let attempts = before.map_or(0, |parked| parked.attempts) + 1;
        let first = before.and_then(|parked| parked.first_failure_ms).and_then(Timestamp::from_millis);
        let next = next_attempt(attempts, now);
        Self {
            state: if next.is_some() { State::Retry } else { State::Dead },
            attempts,
            next_attempt_at: next.map(Timestamp::from),
            first_failure_at: first.or(Some(now.into())),
            error: Some(error.to_owned()),
            ..Self::waiting(incoming, group)
        }
    }

    /// The event as an operator hands it in again.
    pub(crate) fn due(incoming: &Incoming, group: &str) -> Self {
        Self {
            state: State::Retry,
            next_attempt_at: Some(Timestamp::now()),
            ..Self::waiting(incoming, group)
        }
    }

    /// The record as one that nobody wants any more, at its own place.
    pub(crate) fn discarded(&self, reason: &str) -> Self {
        Self {
            id: self.record.identity(),
            state: State::Discarded,
            next_attempt_at: None,
            error: Some(reason.to_owned()),
            ..self.clone()
        }
    }

    /// Where nothing is parked under its id yet.
    pub(crate) fn insert(&self) -> Result<Write, ViewsError> {
        let Document { id, body } = to_document(self)?;
        Ok(Write::Put { collection: &PARKED, id, guard: Guard::Absent, set: body })
    }

    /// In the place of whatever is there, as an operator decides.
    pub(crate) fn upsert(&self) -> Result<Write, ViewsError> {
        let Document { id, mut body } = to_document(self)?;
        // A field that an earlier state had is removed, not kept.
        for field in OF_AN_ATTEMPT {
            body.entry(field).or_insert(Value::Null);
        }
        Ok(Write::Upsert { collection: &PARKED, id, set: body })
    }

    /// As what becomes of the event that was `taken` out, while nobody has decided otherwise about it. The record is left
    /// alone, from which an erasure may have taken somebody.
    fn conclusion(&self, taken: &Parked) -> Result<(Vec<Filter>, Fields), ViewsError> {
        let mut body = to_document(self)?.body;
        let of_attempt = |field: &str| (field.to_owned(), body.remove(field).unwrap_or(Value::Null));
        Ok((taken.as_it_was(), OF_AN_ATTEMPT.into_iter().map(of_attempt).collect()))
    }

    fn is_due(&self, now: Timestamp) -> bool {
        match self.state {
            State::Waiting => true,
            State::Retry => self.next_attempt_at.is_none_or(|at| at <= now),
            State::Dead | State::Discarded => false,
        }
    }

    /// The event again. What was parked was decoded once, so an error here means that the document was tampered with.
    pub(crate) fn into_incoming(self, topics: &Topics) -> Option<Incoming> {
        let event = topics.decode(&self.record.topic, self.record.value.as_deref()).ok()?;
        let parked = Parked {
            id: self.id,
            waits: self.state == State::Waiting,
            next_attempt_at: self.next_attempt_at,
            attempts: self.attempts,
            first_failure_ms: self.first_failure_at.map(Timestamp::as_millis),
        };
        Some(Incoming { event, record: self.record, parked: Some(parked) })
    }
}

/// The fields that say what became of an event so far.
const OF_AN_ATTEMPT: [&str; 5] = ["state", "attempts", "next_attempt_at", "first_failure_at", "error"];

impl Parked {
    /// Finds its document while that is as it was taken out.
    fn as_it_was(&self) -> Vec<Filter> {
        let due = match self.next_attempt_at {
            Some(at) => Filter::eq("next_attempt_at", at.to_utc()),
            None => Filter::Missing("next_attempt_at".to_owned()),
        };
        let state = if self.waits { "waiting" } else { "retry" };
        vec![Filter::eq("_id", self.id.as_str()), Filter::eq("state", state), due]
    }
}

/// Takes a document out of the parking place.
pub(crate) fn forget(id: impl Into<DocId>) -> Write {
    Write::Delete { collection: &PARKED, id: id.into(), guard: None }
}

/// Reading the parking place of one consumer group.
pub(crate) struct ParkingPlace<'a> {
    pub(crate) views: &'a dyn Views,
    pub(crate) topics: &'a Topics,
    pub(crate) group: &'a str,
}

impl ParkingPlace<'_> {
    /// What waits right behind `heads`, each an aggregate and its version, with all that follows it.
    pub(crate) async fn successors(&self, heads: &[(Key, i64)]) -> Result<Vec<Incoming>, ViewsError> {
        let id = |(key, version): &(Key, i64), ahead: i64| DocId::Text(parked_id(*key, version + ahead));
        let ids: Vec<DocId> = heads.iter().map(|head| id(head, 1)).collect();
        let mut found = self.named(&ids).await?;
        let names = |found: &[ParkedEvent]| {
            found.iter().map(|it| DocId::Text(it.id.clone())).collect::<BTreeSet<_>>()
        };
        let first = names(&found);
        let heads: Vec<&(Key, i64)> = heads.iter().filter(|head| first.contains(&id(head, 1))).collect();
        // Nearly always that is all; the rest of a longer chain is looked for by itself.
        let ids: Vec<DocId> = heads.iter().flat_map(|head| (2..=FEW).map(|ahead| id(head, ahead))).collect();
        found.extend(self.named(&ids).await?);
        let few = names(&found);
        for head @ ((kind, aggregate_id), version) in heads {
            if !few.contains(&id(head, FEW)) {
                continue;
            }
            let after = Some(Scalar::Int(version + FEW + 1));
            let filters = vec![
                Filter::eq("group", self.group),
                Filter::eq("aggregate", kind.as_str()),
                Filter::eq("aggregate_id", *aggregate_id),
                Filter::Range { path: "sequence".into(), from: after, to: None },
            ];
            let query = Query { filters, sort: Sort::ascending("sequence"), after: None, limit: CHAIN };
            found.extend(self.due(self.views.find(&PARKED, &query).await?));
        }
        Ok(self.incoming(found))
    }

    /// Those of `ids` that are there and due.
    async fn named(&self, ids: &[DocId]) -> Result<Vec<ParkedEvent>, ViewsError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.due(self.views.get(&PARKED, ids).await?))
    }

    /// The unsequenced events that waited for the documents of `keys`.
    pub(crate) async fn unsequenced(&self, keys: &BTreeSet<Key>) -> Result<Vec<Incoming>, ViewsError> {
        let mut found = Vec::new();
        for kind in AggregateKind::ALL {
            let ids: Vec<Scalar> =
                keys.iter().filter(|key| key.0 == kind).map(|key| Scalar::Int(key.1)).collect();
            if ids.is_empty() {
                continue;
            }
            let filters = vec![
                Filter::eq("group", self.group),
                Filter::eq("aggregate", kind.as_str()),
                Filter::In("aggregate_id".to_owned(), ids),
                Filter::Missing("sequence".to_owned()),
            ];
            let query = Query { filters, sort: Sort::ascending("_id"), after: None, limit: CHAIN };
            found.extend(self.due(self.views.find(&PARKED, &query).await?));
        }
        Ok(self.incoming(found))
    }

    /// Parks `new` events; how many of them are new indeed. One that is parked already stays as it is. Only a dead letter of
    /// another record makes room: it waits for nothing.
    pub(crate) async fn insert(&self, new: &[ParkedEvent]) -> Result<usize, ViewsError> {
        let refused = self.try_insert(new.iter().collect()).await?;
        let inserted = new.len() - refused.len();
        let room = self.make_room(&refused).await?;
        let again: Vec<&ParkedEvent> = refused.into_iter().filter(|new| room.contains(&new.id)).collect();
        let count = again.len();
        Ok(inserted + count - self.try_insert(again).await?.len())
    }

    /// Those of `new` whose place is taken.
    async fn try_insert<'p>(&self, new: Vec<&'p ParkedEvent>) -> Result<Vec<&'p ParkedEvent>, ViewsError> {
        if new.is_empty() {
            return Ok(new);
        }
        let writes = new.iter().map(|parked| parked.insert()).collect::<Result<_, _>>()?;
        let outcomes = self.views.write(writes).await?;
        let refused = new.into_iter().zip(outcomes).filter(|(_, outcome)| *outcome == Outcome::Stale);
        Ok(refused.map(|(parked, _)| parked).collect())
    }

    /// Moves dead letters of other records out of the way of `new`, each to the place of its own record; the ids that are free
    /// now.
    async fn make_room(&self, new: &[&ParkedEvent]) -> Result<BTreeSet<String>, ViewsError> {
        let values: BTreeMap<&str, &Option<Vec<u8>>> =
            new.iter().map(|parked| (parked.id.as_str(), &parked.record.value)).collect();
        let ids: Vec<DocId> = values.keys().map(|id| DocId::from(*id)).collect();
        let mut free = BTreeSet::new();
        if ids.is_empty() {
            return Ok(free);
        }
        for document in self.views.get(&PARKED, &ids).await? {
            let there: ParkedEvent = from_document(document)?;
            let is_other = values.get(there.id.as_str()).is_some_and(|value| **value != there.record.value);
            if there.state != State::Dead || !is_other {
                continue;
            }
            let aside = ParkedEvent { id: there.record.identity(), ..there.clone() };
            self.views.write(vec![aside.insert()?]).await?;
            let dead = [Filter::eq("_id", there.id.as_str()), Filter::eq("state", "dead")];
            self.views.delete_where(&PARKED, &dead).await?;
            free.insert(there.id);
        }
        Ok(free)
    }

    /// Writes what became of `attempts`, each an event as it was taken out and as it is to be parked.
    pub(crate) async fn conclude(&self, attempts: &[(&Parked, ParkedEvent)]) -> Result<(), ViewsError> {
        if attempts.is_empty() {
            return Ok(());
        }
        let updates = attempts.iter().map(|(taken, parked)| parked.conclusion(taken));
        let updates = updates.collect::<Result<_, _>>()?;
        self.views.update_where(&PARKED, updates).await.map(drop)
    }

    /// The record of an event that was `taken` out as its document has it now; none where somebody has decided otherwise.
    pub(crate) async fn record_of(&self, taken: &Parked) -> Result<Option<Record>, ViewsError> {
        let filters = taken.as_it_was();
        let query = Query { filters, sort: Sort::ascending("_id"), after: None, limit: 1 };
        let found = self.views.find(&PARKED, &query).await?.pop();
        found.map(|document| from_document::<ParkedEvent>(document).map(|parked| parked.record)).transpose()
    }

    /// Failed events whose next attempt is due.
    pub(crate) async fn retries(&self, limit: u32) -> Result<Vec<Incoming>, ViewsError> {
        let filters = vec![
            Filter::eq("group", self.group),
            Filter::eq("state", "retry"),
            Filter::Range { path: "next_attempt_at".into(), from: None, to: Some(Utc::now().into()) },
        ];
        let query = Query { filters, sort: Sort::ascending("next_attempt_at"), after: None, limit };
        let mut claimed = Vec::new();
        for parked in self.due(self.views.find(&PARKED, &query).await?) {
            claimed.extend(self.claim(parked).await?);
        }
        Ok(self.incoming(claimed))
    }

    /// Takes a failed event for this process: its next attempt is put off, so that no other process makes the same.
    async fn claim(&self, parked: ParkedEvent) -> Result<Option<ParkedEvent>, ViewsError> {
        let Some(due) = parked.next_attempt_at else { return Ok(Some(parked)) };
        let filters = vec![
            Filter::eq("_id", parked.id.as_str()),
            Filter::eq("state", "retry"),
            Filter::eq("next_attempt_at", due.to_utc()),
        ];
        let until = Timestamp::from(Utc::now() + ATTEMPT_CLAIM);
        let set = [("next_attempt_at".to_owned(), Value::from(until.to_string()))].into_iter().collect();
        let won = self.views.update_where(&PARKED, vec![(filters, set)]).await? == 1;
        Ok(won.then_some(ParkedEvent { next_attempt_at: Some(until), ..parked }))
    }

    /// A page of the waiting events by `_id`, and the `_id` to go on after.
    pub(crate) async fn waiting(
        &self,
        after: Option<DocId>,
        limit: u32,
    ) -> Result<(Vec<Incoming>, Option<DocId>), ViewsError> {
        let filters = vec![Filter::eq("group", self.group), Filter::eq("state", "waiting")];
        let after = after.map(|id| (Scalar::Null, id));
        let query = Query { filters, sort: Sort::ascending("_id"), after, limit };
        let page = self.views.find(&PARKED, &query).await?;
        let last =
            (page.len() >= limit as usize).then(|| page.last().map(|document| document.id.clone())).flatten();
        let due = self.due(page);
        Ok((self.incoming(due), last))
    }

    fn due(&self, documents: Vec<Document>) -> Vec<ParkedEvent> {
        let now = Timestamp::now();
        let mut due = Vec::with_capacity(documents.len());
        for document in documents {
            let id = document.id.clone();
            match from_document::<ParkedEvent>(document) {
                Ok(parked) if parked.group == self.group && parked.is_due(now) => due.push(parked),
                Ok(_) => {}
                // It holds its own aggregate back, and nobody else.
                Err(error) => tracing::error!(%id, %error, "a parked document cannot be read"),
            }
        }
        due
    }

    fn incoming(&self, parked: Vec<ParkedEvent>) -> Vec<Incoming> {
        parked.into_iter().filter_map(|parked| parked.into_incoming(self.topics)).collect()
    }
}
