//! One micro-batch: load, fold, write guarded, park, wake what waited behind it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use esteira_bus::{ErrorClass, Outage};
use esteira_events::AggregateKind;
use esteira_sql::Timestamp;
use esteira_telemetry::BatchSpans;
use esteira_telemetry::metrics::{FRESHNESS, RETRIES};
use esteira_views::ViewsError;

use crate::dead::away;
use crate::gate::{self, Current, Verdict};
use crate::incoming::{Incoming, Key, Parked, Pending, by_key};
use crate::parked::{ParkedEvent, ParkingPlace, State, forget};
use crate::projector::Projector;
use crate::store::{self, Change};
use crate::{enrich, facets};

/// The most rounds that parked events are followed for in one go.
const ROUNDS: usize = 64;

/// What a round leaves to do.
struct Round {
    /// The aggregates as they are now.
    written: BTreeMap<Key, Current>,
    /// Those of them that had no document before.
    created: BTreeSet<Key>,
    /// Events whose aggregate was changed by another worker meanwhile.
    stale: Vec<Incoming>,
    /// Events to park, with what became of them.
    left: Vec<(Incoming, Verdict)>,
    /// Parked documents whose event is in its view now.
    done: Vec<String>,
    /// When the events occurred that views show now.
    shown: Vec<(AggregateKind, Timestamp)>,
}

impl Projector {
    /// Applies what can be applied of `incoming` and parks the rest.
    pub(crate) async fn apply(&self, incoming: Vec<Incoming>) -> Result<(), Outage> {
        let mut pending = by_key(incoming);
        for round in 1.. {
            if round > ROUNDS {
                // A long chain goes on at the next sweep: the member must poll its log, or the group takes it for dead.
                pending.retain(|_, events| {
                    events.retain(|event| event.parked.is_none());
                    !events.is_empty()
                });
            }
            if pending.is_empty() {
                break;
            }
            pending = match self.round(&mut pending).await {
                Ok(next) => by_key(next),
                Err(ViewsError::Rejected(error)) => self.one_by_one(pending, &error).await?,
                Err(unavailable @ ViewsError::Unavailable(_)) => return Err(away(unavailable)),
            };
        }
        Ok(())
    }

    /// One pass over `pending`; what comes back is to be passed again.
    async fn round(&self, pending: &mut Pending) -> Result<Vec<Incoming>, ViewsError> {
        let started = SystemTime::now();
        others(enrich::enrich(self.views.as_ref(), pending).await)?;
        let (round, spans) = self.fold_and_write(pending, started).await?;
        self.park(&round.left).await?;
        others(facets::follow(self.views.as_ref(), &round.written).await)?;
        others(facets::products::fill(self.views.as_ref(), pending, &round.written).await)?;
        #[cfg(feature = "failpoints")]
        fail::fail_point!("projector-before-forget", |_| std::process::abort());
        // Last, for after a crash only what is still parked brings an aggregate back here.
        self.forget(&round.done).await?;
        self.seen.send_modify(|writes| *writes += 1);
        measure(&round.shown);
        spans.end();
        let woken = self.woken(&round).await?;
        let mut next = round.stale;
        next.extend(woken);
        Ok(next)
    }

    async fn fold_and_write(
        &self,
        pending: &Pending,
        started: SystemTime,
    ) -> Result<(Round, BatchSpans), ViewsError> {
        let before = store::load_for(self.views.as_ref(), pending).await?;
        let mut written = before.clone();
        let mut folded = Vec::with_capacity(pending.len());
        for (key, events) in pending {
            let mut events = events.clone();
            gate::sort(&mut events);
            let verdicts = gate::fold(written.entry(*key).or_default(), &events);
            folded.push((*key, events, verdicts));
        }
        let changes: Vec<Change<'_>> = folded
            .iter()
            .filter_map(|(key, _, _)| {
                Some(Change { key: *key, before: before.get(key)?, after: written.get(key)? })
            })
            .filter(|change| change.after.deleted || change.after.view != change.before.view)
            .collect();
        #[cfg(feature = "failpoints")]
        fail::fail_point!("projector-before-write", |_| std::process::abort());
        let stale = store::write(self.views.as_ref(), &changes).await?;
        #[cfg(feature = "failpoints")]
        fail::fail_point!("projector-after-write", |_| std::process::abort());
        let created = changes.iter().filter(|change| change.is_creation()).map(|change| change.key);
        let created = created.filter(|key| !stale.contains(key)).collect();
        written.retain(|key, _| !stale.contains(key));
        // Those of a stale aggregate come again.
        let passed = folded.iter().filter(|(key, ..)| !stale.contains(key));
        let passed = passed.flat_map(|(_, events, verdicts)| events.iter().zip(verdicts));
        let spans = self.spans(started, passed);
        Ok((sort_out(folded, &stale, written, created), spans))
    }

    /// Parks early events durably, and failed ones with their next attempt; the last failure is a dead letter. One that came
    /// again, out of turn, is neither an attempt nor a new event.
    async fn park(&self, left: &[(Incoming, Verdict)]) -> Result<(), ViewsError> {
        let now = Utc::now();
        let (mut waiting, mut failed, mut attempts) = (Vec::new(), Vec::new(), Vec::new());
        for (incoming, verdict) in left {
            match (verdict, &incoming.parked) {
                (Verdict::Applied | Verdict::Skipped, _) => {}
                (Verdict::Early, None) => waiting.push(ParkedEvent::waiting(incoming, &self.group)),
                (Verdict::Early, Some(taken)) if taken.waits => {}
                // One that was due for an attempt: its predecessor is to wake it.
                (Verdict::Early, Some(taken)) => {
                    attempts.push((taken, ParkedEvent::waiting(incoming, &self.group)));
                }
                (Verdict::Failed(error), None) => {
                    failed.push(ParkedEvent::failed(incoming, &self.group, error, now));
                }
                (Verdict::Failed(error), Some(taken)) => {
                    let parked = ParkedEvent::failed(incoming, &self.group, error, now);
                    attempts.extend(self.buried(taken, parked, now).await?.map(|parked| (taken, parked)));
                }
            }
        }
        let place = self.parking_place();
        place.insert(&waiting).await?;
        let retries = attempts.iter().filter(|(_, parked)| parked.state == State::Retry).count();
        RETRIES.add([&self.group], place.insert(&failed).await? + retries);
        place.conclude(&attempts).await
    }

    /// A failed event, with its dead letter in the queue where no attempt is left; none where somebody has decided about it
    /// meanwhile.
    async fn buried(
        &self,
        taken: &Parked,
        parked: ParkedEvent,
        now: DateTime<Utc>,
    ) -> Result<Option<ParkedEvent>, ViewsError> {
        if parked.state != State::Dead {
            return Ok(Some(parked));
        }
        let Some(record) = self.parking_place().record_of(taken).await? else { return Ok(None) };
        let parked = ParkedEvent { record, ..parked };
        let letter = self.publish_dead(&parked, ErrorClass::Failed, now).await;
        letter.map_err(|Outage(reason)| ViewsError::Unavailable(reason))?;
        Ok(Some(parked))
    }

    /// Takes what views have by now out of the parking place, whatever was decided about it meanwhile.
    async fn forget(&self, done: &[String]) -> Result<(), ViewsError> {
        if done.is_empty() {
            return Ok(());
        }
        self.views.write(done.iter().map(|id| forget(id.as_str())).collect()).await.map(drop)
    }

    /// What waited right behind the batch. An aggregate that has just had an event parked is read again: its
    /// predecessor may have been applied by another worker between our read and our park.
    async fn woken(&self, round: &Round) -> Result<Vec<Incoming>, ViewsError> {
        let parked: BTreeSet<Key> = round.left.iter().map(|(incoming, _)| incoming.key()).collect();
        let parked: Vec<Key> = parked.into_iter().collect();
        let fresh = store::load(self.views.as_ref(), &parked).await?;
        let stuck: BTreeSet<Key> = round.left.iter().filter(|left| holds_back(left)).map(key_of).collect();
        let heads: Vec<(Key, i64)> = round
            .written
            .iter()
            .filter(|(key, _)| !stuck.contains(key))
            .map(|(key, current)| (*key, fresh.get(key).unwrap_or(current).version))
            .collect();
        let there = |key: &Key| fresh.get(key).is_some_and(|fresh| fresh.view.is_some() || fresh.deleted);
        let mut documents = round.created.clone();
        documents.extend(round.left.iter().filter(|left| waits_for_document(left)).map(key_of).filter(there));
        let place = self.parking_place();
        let (mut woken, unsequenced) =
            tokio::try_join!(place.successors(&heads), place.unsequenced(&documents))?;
        woken.extend(unsequenced);
        Ok(woken)
    }

    /// Finds which aggregate the store refuses: its first event fails, the others go on.
    async fn one_by_one(&self, pending: Pending, error: &str) -> Result<Pending, Outage> {
        if pending.len() == 1 {
            let started = SystemTime::now();
            let left = self.blame(pending, error).await?;
            self.spans(started, left.iter().map(|(incoming, verdict)| (incoming, verdict))).end();
            self.park(&left).await.map_err(away)?;
            return Ok(Pending::new());
        }
        let mut next = Vec::new();
        for (key, events) in pending {
            let mut alone = Pending::from([(key, events)]);
            match self.round(&mut alone).await {
                Ok(more) => next.extend(more),
                Err(ViewsError::Rejected(error)) => {
                    Box::pin(self.one_by_one(alone, &error)).await?;
                }
                Err(unavailable @ ViewsError::Unavailable(_)) => return Err(away(unavailable)),
            }
        }
        Ok(by_key(next))
    }

    /// What becomes of the events of an aggregate that the store refuses: the next one of it has failed, what follows
    /// waits, and what its view has is left alone. What cannot even be read has its first event fail.
    async fn blame(&self, pending: Pending, error: &str) -> Result<Vec<(Incoming, Verdict)>, Outage> {
        let mut left = Vec::new();
        for (key, mut events) in pending {
            let alone = Pending::from([(key, events.clone())]);
            let (mut current, first) = match store::load_for(self.views.as_ref(), &alone).await {
                Ok(mut loaded) => (loaded.remove(&key).unwrap_or_default(), None),
                Err(ViewsError::Rejected(_)) => (Current::default(), Some(0)),
                Err(unavailable @ ViewsError::Unavailable(_)) => return Err(away(unavailable)),
            };
            gate::sort(&mut events);
            let mut verdicts = gate::fold(&mut current, &events);
            let next = verdicts.iter().position(|verdict| *verdict == Verdict::Applied).or(first);
            for (place, verdict) in verdicts.iter_mut().enumerate() {
                if Some(place) == next {
                    *verdict = Verdict::Failed(error.to_owned());
                } else if *verdict == Verdict::Applied {
                    *verdict = Verdict::Early;
                }
            }
            left.extend(events.into_iter().zip(verdicts));
        }
        Ok(left)
    }

    pub(crate) fn parking_place(&self) -> ParkingPlace<'_> {
        ParkingPlace { views: self.views.as_ref(), topics: &self.topics, group: &self.group }
    }
}

/// A document of another aggregate that cannot be read is not this event's fault: its facet stays as it is.
fn others(result: Result<(), ViewsError>) -> Result<(), ViewsError> {
    match result {
        Err(ViewsError::Rejected(error)) => {
            tracing::error!(%error, "a facet could not be brought up");
            Ok(())
        }
        other => other,
    }
}

fn sort_out(
    folded: Vec<(Key, Vec<Incoming>, Vec<Verdict>)>,
    stale: &BTreeSet<Key>,
    written: BTreeMap<Key, Current>,
    created: BTreeSet<Key>,
) -> Round {
    let mut round = Round { written, created, stale: vec![], left: vec![], done: vec![], shown: vec![] };
    for (key, events, verdicts) in folded {
        if stale.contains(&key) {
            round.stale.extend(events);
            continue;
        }
        for (incoming, verdict) in events.into_iter().zip(verdicts) {
            if verdict == Verdict::Applied {
                round.shown.push((key.0, incoming.event.meta.occurred_at));
            }
            match verdict {
                Verdict::Applied | Verdict::Skipped => {
                    round.done.extend(incoming.parked.map(|parked| parked.id));
                }
                Verdict::Early | Verdict::Failed(_) => round.left.push((incoming, verdict)),
            }
        }
    }
    round
}

fn measure(shown: &[(AggregateKind, Timestamp)]) {
    let now = Timestamp::now().as_millis();
    for (kind, occurred_at) in shown {
        let age = now.saturating_sub(occurred_at.as_millis()).max(0).unsigned_abs();
        FRESHNESS.took([kind.as_str()], Duration::from_millis(age));
    }
}

fn key_of((incoming, _): &(Incoming, Verdict)) -> Key {
    incoming.key()
}

/// Whether what follows in the sequence has to wait.
fn holds_back((incoming, verdict): &(Incoming, Verdict)) -> bool {
    matches!(verdict, Verdict::Failed(_)) && incoming.event.sequence().is_some()
}

fn waits_for_document((incoming, verdict): &(Incoming, Verdict)) -> bool {
    *verdict == Verdict::Early && incoming.event.sequence().is_none()
}
