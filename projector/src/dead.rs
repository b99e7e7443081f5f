//! Dead letters: published to the topic's queue first, then recorded where they hold their aggregate back.

use chrono::{DateTime, Utc};
use esteira_bus::{ErrorClass, Failure, Outage, Record, bury};
use esteira_events::{AggregateKind, EventType};
use esteira_sql::Timestamp;
use esteira_views::{DocId, Document, Outcome, PARKED, ViewsError, from_document};

use crate::incoming::{Key, parked_id};
use crate::parked::{ParkedEvent, State};
use crate::projector::Projector;
use crate::store;

/// A record that is no event.
pub(crate) struct Undecodable {
    pub(crate) record: Record,
    pub(crate) error: String,
}

impl Projector {
    /// Dead-letters records that no retry can help.
    pub(crate) async fn bury_undecodable(&self, records: Vec<Undecodable>) -> Result<(), Outage> {
        for Undecodable { record, error } in records {
            if self.is_past(&record).await.map_err(away)? {
                let Record { topic, partition, offset, .. } = &record;
                tracing::warn!(%topic, partition, offset, %error, trace_id = record.trace_id(), "an undecodable record whose place in the sequence is taken");
                continue;
            }
            let mut parked = self.undecodable_parked(&record, &error);
            let own_id = record.identity();
            let ids = [DocId::Text(parked.id.clone()), DocId::Text(own_id.clone())];
            let known = self.views.get(&PARKED, &ids).await.map_err(away)?;
            if known.iter().any(|document| is_of(document, &record)) {
                continue;
            }
            self.publish_dead(&parked, ErrorClass::Undecodable, Utc::now()).await?;
            if self.insert(&parked).await.map_err(away)? == Outcome::Stale {
                // Another record has the place in the sequence, perhaps a sound one that waits there.
                parked.id = own_id;
                self.insert(&parked).await.map_err(away)?;
            }
        }
        Ok(())
    }

    async fn insert(&self, parked: &ParkedEvent) -> Result<Outcome, ViewsError> {
        let outcomes = self.views.write(vec![parked.insert()?]).await?;
        Ok(outcomes.first().copied().unwrap_or(Outcome::Stale))
    }

    /// Whether the view has another event in the place of `record`, or an operator's word that there is none: nothing waits
    /// for it, and a redrive would change nothing.
    async fn is_past(&self, record: &Record) -> Result<bool, ViewsError> {
        let Some((key, sequence)) = self.place_in_sequence(record) else { return Ok(false) };
        let loaded = store::load_each(self.views.as_ref(), &[key]).await?;
        Ok(loaded.values().flatten().any(|current| current.version >= sequence))
    }

    /// As key and headers of our records tell it.
    fn place_in_sequence(&self, record: &Record) -> Option<(Key, i64)> {
        let kind = self.topics.event_type(&record.topic)?.aggregate();
        Some(((kind, aggregate_id(record)?), record.header("ce_sequence")?.parse().ok()?))
    }

    /// Publishes the dead letter of `parked`. While the queue cannot be written nothing is committed.
    pub(crate) async fn publish_dead(
        &self,
        parked: &ParkedEvent,
        class: ErrorClass,
        now: DateTime<Utc>,
    ) -> Result<(), Outage> {
        let error = parked.error.as_deref().unwrap_or_default();
        let first_failure_ms = parked.first_failure_at.map_or(now.timestamp_millis(), Timestamp::as_millis);
        let failure = Failure {
            group: &self.group,
            error,
            class,
            attempts: parked.attempts.max(1),
            first_failure_ms,
            now,
        };
        bury(self.log.as_ref(), &parked.record, &failure, &parked.id).await
    }

    /// Aggregate and sequence come from key and `ce_sequence` where they can: then what follows waits behind the letter.
    pub(crate) fn undecodable_parked(&self, record: &Record, error: &str) -> ParkedEvent {
        let place = self.place_in_sequence(record);
        let kind = self.topics.event_type(&record.topic).map(EventType::aggregate);
        let id = place.map_or_else(|| record.identity(), |(key, sequence)| parked_id(key, sequence));
        let now = Timestamp::now();
        ParkedEvent {
            id,
            group: self.group.clone(),
            aggregate: kind.map_or("record", AggregateKind::as_str).to_owned(),
            aggregate_id: aggregate_id(record).unwrap_or(0),
            sequence: place.map(|(_, sequence)| sequence),
            event_id: record.header("ce_id").map(str::to_owned),
            state: State::Dead,
            attempts: 1,
            next_attempt_at: None,
            parked_at: now,
            first_failure_at: Some(now),
            error: Some(error.to_owned()),
            record: record.clone(),
        }
    }
}

fn aggregate_id(record: &Record) -> Option<i64> {
    std::str::from_utf8(record.key.as_deref()?).ok()?.parse().ok()
}

/// Whether `document` is of this very record, given up before, which has come again.
fn is_of(document: &Document, record: &Record) -> bool {
    from_document::<ParkedEvent>(document.clone()).is_ok_and(|parked| {
        matches!(parked.state, State::Dead | State::Discarded)
            && parked.record.identity() == record.identity()
    })
}

/// Whatever the views store says about the belt's own documents, the belt cannot go on without them.
#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
pub(crate) fn away(error: esteira_views::ViewsError) -> Outage {
    Outage(error.to_string())
}
