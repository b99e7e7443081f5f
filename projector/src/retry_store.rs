//! The parking place as tools see it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use esteira_bus::dlq::{Awaits, Preview, RedriveError, RetryStore, SetAside, Standing};
use esteira_bus::{Outage, Record};
use esteira_events::{DecodeError, Event};
use esteira_views::{DocId, Filter, PARKED, Query, Scalar, Sort, ViewsError, from_document};
use serde_json::Value;

use crate::dead::away;
use crate::gate::{self, Verdict};
use crate::incoming::{Incoming, by_key};
use crate::parked::{ParkedEvent, State, forget};
use crate::projections::View;
use crate::projector::{Projector, TOPICS};
use crate::{enrich, store};

/// Parked records are counted no further than this.
const COUNTED: u64 = 100_000;

impl Projector {
    fn event_of(&self, record: &Record) -> Result<Event, DecodeError> {
        self.topics.decode(&record.topic, record.value.as_deref())
    }

    /// Where `record` may be parked: as its event, as one that could not be decoded, or at its own place.
    fn places(&self, record: &Record) -> Vec<String> {
        let mut places = Vec::from([self.undecodable_parked(record, "").id, record.identity()]);
        if let Ok(event) = self.event_of(record) {
            places.push(Incoming::new(event, record.clone()).parked_id());
        }
        places
    }

    /// The parked documents of `records`, by place.
    async fn parked(&self, records: &[Record]) -> Result<BTreeMap<String, ParkedEvent>, ViewsError> {
        let mut ids: Vec<DocId> =
            records.iter().flat_map(|record| self.places(record)).map(DocId::Text).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut parked = BTreeMap::new();
        for ids in ids.chunks(1_000) {
            for document in self.views.get(&PARKED, ids).await? {
                let event: ParkedEvent = from_document(document)?;
                if event.group == self.group {
                    parked.insert(event.id.clone(), event);
                }
            }
        }
        Ok(parked)
    }

    /// Of what is parked at the places of `record`, that which is this record.
    fn same<'a>(
        &self,
        record: &Record,
        parked: &'a BTreeMap<String, ParkedEvent>,
    ) -> Option<&'a ParkedEvent> {
        let places = self.places(record);
        let found = || places.iter().filter_map(|place| parked.get(place));
        let equal =
            |other: &&ParkedEvent| other.record.topic == record.topic && other.record.value == record.value;
        // A record that the dispatcher sent twice has another position; of two that are equal each is itself. And the value
        // of one may be without a person's data already.
        found().find(|other| other.record.identity() == record.identity()).or_else(|| found().find(equal))
    }

    /// An event that changes nothing, in the place of one that was given up.
    fn in_place_of(&self, parked: &ParkedEvent, reason: &str) -> Option<Incoming> {
        let event_type = self.topics.event_type(&parked.record.topic)?;
        let event = Event::skipped(event_type, parked.aggregate_id, parked.sequence?, reason);
        let record = Record { value: Some(event.encode().ok()?.into_bytes()), ..parked.record.clone() };
        Some(Incoming::new(event, record))
    }
}

#[async_trait]
impl RetryStore for Projector {
    fn group(&self) -> &str {
        &self.group
    }

    fn reads(&self, topic: &str) -> bool {
        self.topics.event_type(topic).is_some_and(|event_type| TOPICS.contains(&event_type))
    }

    async fn standing(&self, records: &[Record]) -> Result<Vec<Option<Standing>>, Outage> {
        let parked = self.parked(records).await.map_err(away)?;
        let standing = |record: &Record| match self.same(record, &parked)?.state {
            State::Waiting | State::Retry => Some(Standing::Waiting),
            State::Dead => Some(Standing::Dead),
            State::Discarded => Some(Standing::Discarded),
        };
        Ok(records.iter().map(standing).collect())
    }

    async fn counts(&self) -> Result<Vec<(Standing, u64)>, Outage> {
        let mut counts = Vec::new();
        for (standing, states) in [
            (Standing::Waiting, ["waiting", "retry"].as_slice()),
            (Standing::Dead, &["dead"]),
            (Standing::Discarded, &["discarded"]),
        ] {
            let states = states.iter().map(|state| Scalar::from(*state)).collect();
            let filters = [Filter::In("state".to_owned(), states), Filter::eq("group", self.group.as_str())];
            counts.push((standing, self.views.count(&PARKED, &filters, COUNTED).await.map_err(away)?));
        }
        Ok(counts)
    }

    async fn redrive(&self, record: &Record) -> Result<(), RedriveError> {
        let event = self.event_of(record).map_err(|error| RedriveError::Undecodable(error.to_string()))?;
        let incoming = Incoming::new(event, record.clone());
        let again = ParkedEvent::due(&incoming, &self.group);
        let parked = self.parked(std::slice::from_ref(record)).await.map_err(away)?;
        let same = self.same(record, &parked);
        if same.is_some_and(|same| same.id == again.id) {
            self.views.write(vec![again.upsert().map_err(away)?]).await.map_err(away)?;
            return Ok(());
        }
        if self.parking_place().insert(std::slice::from_ref(&again)).await.map_err(away)? == 0 {
            let place = parked.get(&again.id).map_or(again.id, |other| other.record.place());
            return Err(RedriveError::Taken(place));
        }
        // It stood elsewhere, from when it could not be decoded.
        if let Some(elsewhere) = same {
            self.views.write(vec![forget(elsewhere.id.as_str())]).await.map_err(away)?;
        }
        Ok(())
    }

    async fn discard(&self, record: &Record, reason: &str) -> Result<(), Outage> {
        let parked = self.parked(std::slice::from_ref(record)).await.map_err(away)?;
        let Some(parked) = self.same(record, &parked) else { return Ok(()) };
        let value = record.value.clone();
        let parked = &ParkedEvent { record: Record { value, ..parked.record.clone() }, ..parked.clone() };
        let waiting = self.in_place_of(parked, reason).map(|it| ParkedEvent::waiting(&it, &self.group));
        let place = match waiting {
            Some(waiting) if waiting.id == parked.id => waiting.upsert().map_err(away)?,
            // Nothing waits behind it: it has no place in a sequence, or another record has that.
            Some(_) | None => forget(parked.id.as_str()),
        };
        // It may come again.
        let writes = match self.event_of(record) {
            Ok(event) if event.sequence().is_some() => vec![place],
            Ok(event) => {
                let key = (event.aggregate(), event.aggregate_id());
                vec![store::keep(key, &event.meta.event_id.to_string()), place]
            }
            Err(_) => {
                let discarded = parked.discarded(reason);
                let place = Some(place).filter(|_| discarded.id != parked.id);
                std::iter::once(discarded.upsert().map_err(away)?).chain(place).collect()
            }
        };
        self.views.write(writes).await.map(drop).map_err(away)
    }

    async fn preview(&self, record: &Record) -> Result<Preview, Outage> {
        let event = match self.event_of(record) {
            Ok(event) => event,
            Err(error) => return Ok(Preview::Fails(error.to_string())),
        };
        let mut pending = by_key([Incoming::new(event, record.clone())]);
        enrich::enrich(self.views.as_ref(), &mut pending).await.map_err(away)?;
        let mut loaded = store::load_for(self.views.as_ref(), &pending).await.map_err(away)?;
        let Some((key, incoming)) = pending.pop_first() else { return Ok(Preview::Known) };
        let mut current = loaded.remove(&key).unwrap_or_default();
        let before = shown(current.view.as_ref())?;
        match gate::fold(&mut current, &incoming).pop() {
            None | Some(Verdict::Skipped) => Ok(Preview::Known),
            Some(Verdict::Early) => Ok(Preview::Waits),
            Some(Verdict::Failed(error)) => Ok(Preview::Fails(error)),
            Some(Verdict::Applied) => Ok(Preview::View { before, after: shown(current.view.as_ref())? }),
        }
    }

    async fn set_aside(&self, most: u32) -> Result<Vec<SetAside>, Outage> {
        let states =
            [(Awaits::Predecessor, "waiting"), (Awaits::NextAttempt, "retry"), (Awaits::Operator, "dead")];
        let mut found = Vec::new();
        for (awaits, state) in states {
            let filters = vec![Filter::eq("group", self.group.as_str()), Filter::eq("state", state)];
            let records = self.views.count(&PARKED, &filters, most.into()).await.map_err(away)?;
            if records == 0 {
                continue;
            }
            // One document only: each has its whole record in it.
            let query = Query { filters, sort: Sort::ascending("parked_at"), after: None, limit: 1 };
            let oldest = self.views.find(&PARKED, &query).await.map_err(away)?.pop();
            let oldest: Option<ParkedEvent> = oldest.and_then(|document| from_document(document).ok());
            found.push(SetAside {
                awaits,
                records,
                oldest: oldest.as_ref().map(|event| event.parked_at.to_utc()),
                error: oldest.and_then(|event| event.error),
            });
        }
        Ok(found)
    }
}

fn shown(view: Option<&View>) -> Result<Option<Value>, Outage> {
    view.map(|view| view.document().map(|document| Value::Object(document.body)).map_err(away)).transpose()
}
