//! What each part of the belt tells.

use chrono::TimeDelta;
use esteira_bus::dlq::Awaits;
use esteira_outbox::SLOTS;
use esteira_telemetry::{StageReport, State as StageState};
use maud::{Markup, html};

use super::part::{Mood, Part, away, curve, facts, moves};
use crate::sampler::{COUNTED, Flow, GroupNow, LogNow, OutboxNow, REFUSED, Sample, ViewsNow};
use crate::show;

/// What waits no longer than this is on its way.
const PROMPT: TimeDelta = TimeDelta::seconds(2);

fn stages_named<'a>(sample: &'a Sample, end: &str) -> Vec<&'a StageReport> {
    sample.stages.iter().filter(|stage| stage.name.ends_with(end)).collect()
}

/// What the stages of this process say for themselves; a console alone has none.
fn own_stages(stages: &[&StageReport]) -> Markup {
    html! {
        @for stage in stages.iter().filter(|stage| stage.state != StageState::Ready) {
            p.why { (stage.name) " is " (stage.state) @if let Some(reason) = &stage.reason { ": " (reason) } }
        }
    }
}

pub(super) fn services(sample: &Sample) -> Markup {
    let stages = stages_named(sample, "commands");
    let Ok(OutboxNow { stored, by_aggregate, .. }) = &sample.outbox else {
        return away("services", "Services", "the write store does not answer");
    };
    let of = |kind: &str| {
        let rate = by_aggregate.iter().find(|(name, _)| name == kind).map_or(0.0, |(_, rate)| *rate);
        html! { (show::rate(rate)) "/s" }
    };
    let body = html! {
        (facts(&[("Users", of("user")), ("Products", of("product")), ("Orders", of("order")), ("Reservations", of("reservation"))]))
        (own_stages(&stages))
    };
    let flow = Some((stored, "stored"));
    Part {
        class: "services",
        name: "Services",
        page: "/engines",
        mood: Mood::of_stages(&stages),
        flow,
        fed: false,
        body,
    }
    .show()
}

pub(super) fn outbox(sample: &Sample) -> Markup {
    let outbox = match &sample.outbox {
        Ok(outbox) => outbox,
        Err(error) => return away("outbox", "Outbox", error),
    };
    let mood =
        match (outbox.refused.is_empty(), outbox.oldest.is_some_and(|oldest| sample.at - oldest > PROMPT)) {
            (false, _) => Mood::Bad,
            (true, true) => Mood::Busy,
            (true, false) => Mood::Good,
        };
    let oldest = outbox.oldest.map_or_else(|| "–".to_owned(), |oldest| show::age(sample.at - oldest));
    let refused = outbox.refused.len().cast_signed() as i64;
    let body = html! {
        p.big { strong { (show::count(outbox.waiting, COUNTED)) } " " span.quiet { "wait" } }
        (facts(&[
            ("Oldest", html! { (oldest) }),
            ("Refused", html! { span.bad[refused > 0] { (show::count(refused, REFUSED)) } }),
        ]))
    };
    let fed = moves(Some(&outbox.stored));
    Part { class: "outbox", name: "Outbox", page: "/outbox", mood, flow: None, fed, body }.show()
}

pub(super) fn dispatcher(sample: &Sample) -> Markup {
    let stages = stages_named(sample, "dispatcher");
    let flow = sample.log.as_ref().ok().map(|log| (&log.published, "published"));
    let mut mood = Mood::of_stages(&stages);
    if sample.outbox.as_ref().is_ok_and(|outbox| outbox.nobodys_slots() > 0) {
        mood = mood.worse(Mood::Bad);
    }
    let body = html! {
        @if let Ok(outbox) = &sample.outbox {
            @if outbox.dispatchers.is_empty() { p.why { "No dispatcher is at work." } }
            @for it in &outbox.dispatchers {
                (facts(&[("Slots", html! { (it.slots) " of " (SLOTS) ": " code title=(it.owner) { (short(&it.owner)) } })]))
            }
        }
        (own_stages(&stages))
    };
    let fed = moves(flow.map(|(flow, _)| flow));
    Part { class: "dispatcher", name: "Dispatcher", page: "/engines", mood, flow, fed, body }.show()
}

/// The beginning of an owner's name, which is its process id and much more.
fn short(owner: &str) -> String {
    owner.chars().take(9).collect()
}

pub(super) fn topics(sample: &Sample) -> Markup {
    let log = match &sample.log {
        Ok(log) => log,
        Err(error) => return away("topics", "Topics", error),
    };
    let body = facts(&[
        ("Topics", html! { (log.topics) }),
        ("Records", html! { (show::number(log.records)) }),
        ("Dead letters", html! { a href="/dead-letters" { (show::number(log.dead)) } }),
    ]);
    let fed = moves(Some(&log.published));
    Part { class: "topics", name: "Topics", page: "/topics", mood: Mood::Good, flow: None, fed, body }.show()
}

/// Whether something has waited for the group longer than work in flight does.
fn is_late(group: &GroupNow) -> bool {
    group.oldest.is_some_and(|oldest| oldest > PROMPT)
}

fn mood_of(group: &GroupNow) -> Mood {
    let aside = group.aside.as_deref().unwrap_or_default();
    match (&group.aside, aside.iter().any(|it| it.awaits == Awaits::Operator)) {
        (Err(_), _) | (_, true) => Mood::Bad,
        (Ok(aside), false) if is_late(group) || !aside.is_empty() => Mood::Busy,
        (Ok(_), false) => Mood::Good,
    }
}

fn of_group(group: &GroupNow) -> Markup {
    let oldest = group.oldest.map_or_else(|| "–".to_owned(), show::age);
    let mut told = vec![("Lag", html! { (show::number(group.lag)) }), ("Oldest", html! { (oldest) })];
    for it in group.aside.iter().flatten() {
        let count = show::count(it.records.cast_signed(), COUNTED);
        told.push(match it.awaits {
            Awaits::Predecessor => ("Held back", html! { span.busy { (count) } }),
            Awaits::NextAttempt => ("Tried again", html! { span.busy { (count) } }),
            Awaits::Operator => ("Given up", html! { a.bad href="/dead-letters?state=open" { (count) } }),
        });
    }
    html! {
        (facts(&told))
        @if let Err(error) = &group.aside { p.why { (error) } }
    }
}

/// The last group is the projector's, those before are of reactions.
fn groups(log: &LogNow) -> (&[GroupNow], Option<&GroupNow>) {
    match log.groups.split_last() {
        Some((projector, reactions)) => (reactions, Some(projector)),
        None => (&[], None),
    }
}

pub(super) fn projector(sample: &Sample) -> Markup {
    let stages = stages_named(sample, "projector");
    let group = sample.log.as_ref().ok().and_then(|log| groups(log).1);
    let Some(group) = group else { return away("projector", "Projector", "the event log does not answer") };
    let mood = mood_of(group).worse(Mood::of_stages(&stages));
    let body = html! { (of_group(group)) (own_stages(&stages)) };
    let flow = Some((&group.applied, "applied"));
    let fed = moves(Some(&group.applied));
    Part { class: "projector", name: "Projector", page: "/engines", mood, flow, fed, body }.show()
}

/// What the projector does.
fn applied(sample: &Sample) -> Option<&Flow> {
    sample.log.as_ref().ok().and_then(|log| groups(log).1).map(|group| &group.applied)
}

pub(super) fn reactions(sample: &Sample) -> Markup {
    let stages = stages_named(sample, "reactions");
    let reactions = sample.log.as_ref().map(|log| groups(log).0).unwrap_or_default();
    let mood = reactions.iter().map(mood_of).fold(Mood::of_stages(&stages), Mood::worse);
    let moving = reactions.iter().any(|group| moves(Some(&group.applied)));
    html! {
        li class={ "stage reactions " (mood.class()) @if moving { " moving" } } {
            h3 {
                span class={ "dot " (mood.class()) } {}
                a href="/engines" { "Reactions" }
                span.unseen { ": " (mood.word()) }
                span.quiet { " events become commands" }
            }
            @for group in reactions {
                div.group {
                    h4 { (group.name) }
                    p.rate {
                        strong { (group.applied.rate.map_or_else(|| "–".to_owned(), show::rate)) }
                        " " span.quiet { "handled/s" }
                    }
                    (curve(&group.applied))
                    (of_group(group))
                }
            }
            (own_stages(&stages))
        }
    }
}

pub(super) fn views(sample: &Sample) -> Markup {
    let ViewsNow { engine, documents } = match &sample.views {
        Ok(views) => views,
        Err(error) => return away("views", "Views", error),
    };
    let facts: Vec<(&str, Markup)> = documents
        .iter()
        .map(|(name, collection, count)| {
            (*name, html! { a href={ "/views/" (collection) } { (show::count(*count, COUNTED)) } })
        })
        .collect();
    let body = html! { (self::facts(&facts)) p.quiet { (engine) } };
    let fed = moves(applied(sample));
    Part { class: "views", name: "Views", page: "/views", mood: Mood::Good, flow: None, fed, body }.show()
}

pub(super) fn query(sample: &Sample) -> Markup {
    let fresh = sample.log.as_ref().ok().and_then(|log| groups(log).1);
    let behind = match fresh {
        Some(group) if !is_late(group) => "up to date".to_owned(),
        Some(group) => {
            group.oldest.map_or_else(|| "behind".to_owned(), |age| format!("{} behind", show::age(age)))
        }
        None => "unknown".to_owned(),
    };
    let mood = match (&sample.views, fresh) {
        (Err(_), _) => Mood::Bad,
        (Ok(_), Some(group)) if !is_late(group) => Mood::Good,
        (Ok(_), Some(_) | None) => Mood::Busy,
    };
    let aside: u64 = fresh.iter().flat_map(|group| group.aside.iter().flatten()).map(|it| it.records).sum();
    let body = html! {
        p.big { strong { (behind) } }
        p.quiet { "what queries see" @if aside > 0 { ", but for " (show::things(aside, COUNTED, "event")) } }
    };
    let fed = moves(applied(sample));
    Part { class: "query", name: "Queries", page: "/views", mood, flow: None, fed, body }.show()
}
