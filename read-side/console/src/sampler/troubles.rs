//! What somebody should look at: what does not go on by itself, or has not for a while.

use chrono::{DateTime, TimeDelta, Utc};
use esteira_bus::dlq::Awaits;
use esteira_outbox::{SLOTS, Stuck};
use esteira_telemetry::{StageReport, State};

use super::sample::{COUNTED, GroupNow, OutboxNow, REFUSED, Sample, Trouble};
use crate::show::things;

/// How long something may wait before it is told.
const PATIENT: TimeDelta = TimeDelta::seconds(15);

/// The engines first, then along the belt.
pub(super) fn all(sample: &Sample) -> Vec<Trouble> {
    let mut troubles = away(sample);
    troubles.extend(sample.stages.iter().filter_map(|stage| of_stage(sample.at, stage)));
    troubles.extend(sample.outbox.iter().flat_map(|outbox| of_outbox(sample.at, outbox)));
    for (place, group) in sample.log.iter().flat_map(|log| log.groups.iter().rev().enumerate()) {
        troubles.extend(of_group(sample.at, group, place == 0));
    }
    troubles
}

fn away(sample: &Sample) -> Vec<Trouble> {
    let engines = [
        ("The write store does not answer", sample.outbox.as_ref().err()),
        ("The event log does not answer", sample.log.as_ref().err()),
        ("The views do not answer", sample.views.as_ref().err()),
    ];
    let told = |(what, error): (&str, Option<&String>)| {
        Some(Trouble { what: what.to_owned(), why: error?.clone(), age: None, page: "/engines" })
    };
    engines.into_iter().filter_map(told).collect()
}

fn of_stage(now: DateTime<Utc>, stage: &StageReport) -> Option<Trouble> {
    (stage.state != State::Ready).then(|| Trouble {
        what: format!("The stage {} is {} here", stage.name, stage.state),
        why: stage.reason.clone().unwrap_or_default(),
        age: Some(now - stage.since),
        page: "/engines",
    })
}

fn of_outbox(now: DateTime<Utc>, outbox: &OutboxNow) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    if let Some(first) = outbox.refused.first() {
        troubles.push(Trouble {
            what: format!("The event log refuses {}", things(outbox.refused.len() as u64, REFUSED, "row")),
            why: why_refused(first),
            age: Some(now - first.created_at.to_utc()),
            page: "/outbox",
        });
    }
    let waits = outbox.oldest.map(|oldest| now - oldest).filter(|age| *age > PATIENT);
    let nobodys = outbox.nobodys_slots();
    if waits.is_some() && nobodys > 0 {
        troubles.push(Trouble {
            what: "Events wait to be published".to_owned(),
            why: format!("no dispatcher has {nobodys} of the {SLOTS} slots"),
            age: waits,
            page: "/engines",
        });
    }
    troubles
}

/// Whose event the oldest row is, and its error.
fn why_refused(row: &Stuck) -> String {
    let error = row.last_error.as_deref().unwrap_or_default();
    match (&row.aggregate, row.aggregate_id) {
        (Some(kind), Some(id)) => format!("{kind} {id}: {error}"),
        (Some(_) | None, _) => error.to_owned(),
    }
}

/// What a projector has set aside are documents; what a reaction has, are rows.
fn of_group(now: DateTime<Utc>, group: &GroupNow, projector: bool) -> Vec<Trouble> {
    let name = &group.name;
    let mut troubles = Vec::new();
    if let Some(idle) = group.idle.filter(|idle| *idle > PATIENT) {
        troubles.push(Trouble {
            what: format!("{name} stands still"),
            why: format!(
                "{} wait, and it commits none",
                things(group.lag.cast_unsigned(), u32::MAX, "record")
            ),
            age: Some(idle),
            page: "/engines",
        });
    }
    for aside in group.aside.iter().flatten() {
        let age = aside.oldest.map(|oldest| now - oldest);
        let events = things(aside.records, COUNTED, "event");
        let why = aside.error.clone().unwrap_or_default();
        let (what, why, page) = match aside.awaits {
            Awaits::Operator => (format!("{name} has given up {events}"), why, "/dead-letters?state=open"),
            Awaits::NextAttempt | Awaits::Predecessor if age.is_none_or(|age| age <= PATIENT) => continue,
            Awaits::NextAttempt => {
                let page = if projector { "/views/views.parked?state=retry" } else { "/engines" };
                (format!("{name} tries {events} again"), why, page)
            }
            Awaits::Predecessor => {
                let why = "the event before has not come".to_owned();
                (format!("{name} holds {events} back"), why, "/views/views.parked?state=waiting")
            }
        };
        troubles.push(Trouble { what, why, age, page });
    }
    troubles
}
