//! Dead letters: published to the topic's queue first, then recorded where they hold their aggregate back.

use chrono::{DateTime, Utc};
use esteira_bus::{ErrorClass, Failure, Outage, Record, bury};
use esteira_events::EventType;
use esteira_sql::Timestamp;
use esteira_views::{DocId, Document, PARKED, from_document};

use crate::parked::{ParkedEvent, State, own_place};
use crate::projector::Projector;

/// A record that is no event.
pub(crate) struct Undecodable {
    pub(crate) record: Record,
    pub(crate) error: String,
}

impl Projector {
    /// Dead-letters records that no retry can help.
    pub(crate) async fn bury_undecodable(&self, records: Vec<Undecodable>) -> Result<(), Outage> {
        for Undecodable { record, error } in records {
            let mut parked = self.undecodable_parked(&record, &error);
            let own_id = own_place(&record);
            let ids = [DocId::Text(parked.id.clone()), DocId::Text(own_id.clone())];
            let known = self.views.get(&PARKED, &ids).await.map_err(away)?;
            if known.iter().any(|document| is_of(document, &record)) {
                continue;
            }
            if !known.is_empty() {
                // Another record has the place in the sequence, perhaps a sound one that waits there.
                parked.id = own_id;
            }
            self.publish_dead(&parked, ErrorClass::Undecodable, Utc::now()).await?;
            self.views.write(vec![parked.upsert().map_err(away)?]).await.map_err(away)?;
        }
        Ok(())
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
        let kind = self
            .topics
            .event_type(&record.topic)
            .map_or("record", |event: EventType| event.aggregate().as_str());
        let key = record.key.as_deref().and_then(|key| std::str::from_utf8(key).ok()?.parse::<i64>().ok());
        let sequence = record.header("ce_sequence").and_then(|text| text.parse::<i64>().ok());
        let id = match (key, sequence) {
            (Some(key), Some(sequence)) => format!("{kind}:{key}:{sequence}"),
            _ => own_place(record),
        };
        let now = Timestamp::now();
        ParkedEvent {
            id,
            group: self.group.clone(),
            aggregate: kind.to_owned(),
            aggregate_id: key.unwrap_or(0),
            sequence,
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

/// Whether `document` is of this very record, given up before, which has come again.
fn is_of(document: &Document, record: &Record) -> bool {
    from_document::<ParkedEvent>(document.clone()).is_ok_and(|parked| {
        matches!(parked.state, State::Dead | State::Discarded)
            && parked.record.topic == record.topic
            && parked.record.origin() == record.origin()
    })
}

/// Whatever the views store says about the belt's own documents, the belt cannot go on without them.
#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
pub(crate) fn away(error: esteira_views::ViewsError) -> Outage {
    Outage(error.to_string())
}
