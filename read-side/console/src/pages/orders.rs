//! An order's journey as a timeline.

use axum::extract::Query;
use axum::response::{IntoResponse, Redirect, Response};
use esteira_query_api::{Journey, Step, StepState, Waiting, journey as tell};
use esteira_web::{FieldError, PathId, Problem};
use maud::{Markup, html};
use serde::Deserialize;

use super::{By, On};
use crate::failure::of_journey;
use crate::{layout, show};

#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    id: String,
}

/// The order that was typed in.
pub(super) async fn find(by: By, Query(wanted): Query<Wanted>) -> Result<Response, Problem> {
    let id = wanted.id.trim();
    if id.is_empty() {
        let how = html! { p { "Type an order's id into the field at the top." } };
        return Ok(layout::page(&by.0, "/orders", "Trace an order", &how).into_response());
    }
    if id.bytes().all(|digit| digit.is_ascii_digit()) {
        return Ok(Redirect::to(&format!("/orders/{id}")).into_response());
    }
    let named = FieldError::new("id", "must be a positive integer").with_value(id);
    Err(Problem::not_found("order_not_found", "no order has this id").with_field(named))
}

pub(super) async fn journey(on: On, by: By, PathId(id): PathId) -> Result<Markup, Problem> {
    let desk = &on.0;
    let journey = tell(desk.db(), desk.views(), desk.topics(), id).await.map_err(of_journey)?;
    let journey =
        journey.ok_or_else(|| Problem::not_found("order_not_found", format!("order {id} not found")))?;
    Ok(layout::page(&by.0, "/orders", &format!("Order {id}"), &content(&journey)))
}

fn content(journey: &Journey) -> Markup {
    let behind =
        journey.events.iter().filter(|step| step.aggregate == "order" && step.state != StepState::Applied);
    let behind = behind.count();
    html! {
        p.headline {
            @match &journey.status {
                Some(status) => span.tag { (status) },
                None => span.tag { "no view" },
            }
            " The view has version " strong { (journey.version) } "."
            @if behind > 0 { " " (behind) " of its events are not in it yet." }
            @if journey.status.is_some() { " " a href={ "/views/views.orders/" (journey.order_id) } { "Its document" } }
        }
        @if !journey.waiting.is_empty() { (waiting(&journey.waiting)) }
        ol.timeline aria-label="Events" {
            @for (index, step) in journey.events.iter().enumerate() {
                (event(step, index.checked_sub(1).map(|before| &journey.events[before])))
            }
        }
        @if journey.events.is_empty() { p.quiet { "The outbox has no event of it." } }
    }
}

fn waiting(waiting: &[Waiting]) -> Markup {
    html! {
        section.notice.bad aria-labelledby="waiting" {
            h2 id="waiting" { "What waits" }
            ul {
                @for it in waiting {
                    li {
                        @if let Some(sequence) = it.sequence { "Event #" (sequence) " " } @else { "An event without a sequence " }
                        @match it.state.as_str() {
                            "waiting" => "waits for the event before it.",
                            "retry" => { "failed " (it.attempts) " times and is tried again" @if let Some(at) = &it.next_attempt_at { " at " time datetime=(at) { (at) } } "." }
                            "dead" => { "was given up after " (it.attempts) " attempts: " a href="/dead-letters?aggregate=order&state=open" { "dead letters" } "." }
                            other => { "is " (other) "." }
                        }
                        @if let Some(error) = &it.error { " " span.why { (error) } }
                    }
                }
            }
        }
    }
}

fn event(step: &Step, before: Option<&Step>) -> Markup {
    let class = match step.state {
        StepState::Stored if step.refused > 0 => "refused",
        StepState::Stored => "stored",
        StepState::Published => "published",
        StepState::Applied => "applied",
    };
    let after = before.map(|before| step.occurred_at.to_utc() - before.occurred_at.to_utc());
    html! {
        li class=(class) {
            h2 {
                (step.event_type)
                " " span.quiet { (step.aggregate) @if let Some(sequence) = step.sequence { " #" (sequence) } }
            }
            ol.path {
                li.done {
                    "Stored " (show::time(step.occurred_at.to_utc()))
                    @if let Some(after) = after { " " span.quiet { (show::lapse(after)) } }
                }
                @match (step.state, step.refused) {
                    (StepState::Stored, 0) => li.open { "Waits for the dispatcher" },
                    (StepState::Stored, refused) => li.open {
                        "Refused by the log " (refused) " times: " a href="/outbox" { "outbox" }
                    },
                    (StepState::Published | StepState::Applied, _) => li.done { (published(step)) },
                }
                @match step.state {
                    StepState::Applied => li.done { "In the view" },
                    StepState::Published if step.aggregate == "order" => li.open { "Waits for the projector" },
                    // A reservation has no view: what comes of it is an event of the order.
                    StepState::Published | StepState::Stored => {}
                }
            }
            details {
                summary { "Particulars" }
                dl.wide {
                    @if let Some(id) = &step.event_id { div { dt { "Event" } dd { code { (id) } } } }
                    @if let Some(parent) = &step.traceparent { div { dt { "Trace" } dd { code { (parent) } } } }
                    div { dt { "Topic" } dd { a href={ "/topics/" (step.topic) } { (step.topic) } } }
                }
            }
        }
    }
}

fn published(step: &Step) -> Markup {
    html! {
        "Published "
        @if let Some(at) = step.published_at {
            (show::time(at.to_utc()))
            " " span.quiet { (show::lapse(at.to_utc() - step.occurred_at.to_utc())) }
        }
        @if let (Some(partition), Some(offset)) = (step.partition, step.offset) {
            " in " a href={ "/topics/" (step.topic) "/" (partition) "/" (offset) } { (step.topic) " " (partition) "/" (offset) }
        }
    }
}
