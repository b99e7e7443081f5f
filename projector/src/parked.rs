//! The parking place: events that came early, or failed and wait for their next attempt.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use esteira_bus::dlq::ATTEMPT_CLAIM;
use esteira_bus::{Record, next_attempt};
use esteira_events::{AggregateKind, Topics};
use esteira_sql::Timestamp;
use esteira_views::{
    DocId, Document, Filter, PARKED, Query, Scalar, Sort, Views, ViewsError, Write, from_document,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::gate::Verdict;
use crate::incoming::{Incoming, Key, Parked, parked_id};

/// The most events of one aggregate that one look takes out.
const CHAIN: u32 = 256;

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
            id: own_place(&self.record),
            state: State::Discarded,
            next_attempt_at: None,
            error: Some(reason.to_owned()),
            ..self.clone()
        }
    }

    pub(crate) fn upsert(&self) -> Result<Write, ViewsError> {
        let Document { id, mut body } = esteira_views::to_document(self)?;
        // A field that an earlier state had is removed, not kept.
        let absent = [
            ("next_attempt_at", self.next_attempt_at.is_none()),
            ("first_failure_at", self.first_failure_at.is_none()),
            ("error", self.error.is_none()),
        ];
        for (field, is_absent) in absent {
            if is_absent {
                body.insert(field.to_owned(), Value::Null);
            }
        }
        Ok(Write::Upsert { collection: &PARKED, id, set: body })
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
            attempts: self.attempts,
            first_failure_ms: self.first_failure_at.map(Timestamp::as_millis),
        };
        Some(Incoming { event, record: self.record, parked: Some(parked) })
    }
}

/// The parked id of a record that has no place in a sequence, or whose place another one has.
pub(crate) fn own_place(record: &Record) -> String {
    format!("{}:{}:{}", record.topic, record.partition, record.origin().offset)
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
        let ids: Vec<DocId> =
            heads.iter().map(|(key, version)| DocId::Text(parked_id(*key, version + 1))).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for first in self.due(self.views.get(&PARKED, &ids).await?) {
            let filters = vec![
                Filter::eq("group", self.group),
                Filter::eq("aggregate", first.aggregate.as_str()),
                Filter::eq("aggregate_id", first.aggregate_id),
                Filter::Range { path: "sequence".into(), from: first.sequence.map(Scalar::Int), to: None },
            ];
            let query = Query { filters, sort: Sort::ascending("sequence"), after: None, limit: CHAIN };
            found.extend(self.due(self.views.find(&PARKED, &query).await?));
        }
        Ok(self.incoming(found))
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

    /// Of the failed events in `left` that come from the log, the parked ids of those that have an attempt to come or
    /// are dead letters already.
    pub(crate) async fn settled(&self, left: &[(Incoming, Verdict)]) -> Result<BTreeSet<String>, ViewsError> {
        let failed: BTreeMap<String, &Incoming> = left
            .iter()
            .filter(|(incoming, verdict)| matches!(verdict, Verdict::Failed(_)) && incoming.parked.is_none())
            .map(|(incoming, _)| (incoming.parked_id(), incoming))
            .collect();
        let ids: Vec<DocId> = failed.keys().cloned().map(DocId::Text).collect();
        let mut settled = BTreeSet::new();
        if ids.is_empty() {
            return Ok(settled);
        }
        for document in self.views.get(&PARKED, &ids).await? {
            let parked: ParkedEvent = from_document(document)?;
            let same = failed.get(&parked.id).is_some_and(|new| new.record.value == parked.record.value);
            if same && parked.state != State::Waiting {
                settled.insert(parked.id);
            }
        }
        Ok(settled)
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
            if self.claim(&parked).await? {
                claimed.push(parked);
            }
        }
        Ok(self.incoming(claimed))
    }

    /// Takes a failed event for this process: its next attempt is put off, so that no other process makes the same.
    async fn claim(&self, parked: &ParkedEvent) -> Result<bool, ViewsError> {
        let Some(due) = parked.next_attempt_at else { return Ok(true) };
        let filters = vec![
            Filter::eq("_id", parked.id.as_str()),
            Filter::eq("state", "retry"),
            Filter::eq("next_attempt_at", due.to_utc()),
        ];
        let later = Value::from(Timestamp::from(Utc::now() + ATTEMPT_CLAIM).to_string());
        let set = [("next_attempt_at".to_owned(), later)].into_iter().collect();
        Ok(self.views.update_where(&PARKED, vec![(filters, set)]).await? == 1)
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
