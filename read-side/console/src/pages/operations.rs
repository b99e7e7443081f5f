//! Rebuild and verify, and how far they are.

use std::sync::Arc;

use axum::extract::Extension;
use axum::response::{IntoResponse, Redirect, Response};
use esteira_events::AggregateKind;
use esteira_projector::{Rebuilt, Verified};
use esteira_web::{PathId, Problem};
use maud::{Markup, html};

use super::stream::{Told as Streamed, stream as events};
use super::{By, On};
use crate::access::Visitor;
use crate::failure::of_outage;
use crate::form::Form;
use crate::jobs::{End, Job, Outcome, Told};
use crate::{layout, show};

const VIEWS: [(&str, AggregateKind); 3] =
    [("users", AggregateKind::User), ("products", AggregateKind::Product), ("orders", AggregateKind::Order)];
/// The most findings that a page shows.
const FINDINGS: usize = 200;

pub(super) async fn list(on: On, by: By) -> Markup {
    layout::page(
        &by.0,
        "/operations",
        "Operations",
        &html! {
            div.cards {
                form.card method="post" action="/operations/verify" {
                    h2 { "Verify" }
                    p { "Compares the outbox, the tables, the views and the log. Changes nothing unless it is to repair." }
                    (layout::token(&by.0))
                    p { label { input type="checkbox" name="repair" value="yes"; " Replace views that differ" } }
                    button.primary { "Verify" }
                }
                form.card method="post" action="/operations/rebuild" data-confirm="Rebuild these views? The platform goes on serving." {
                    h2 { "Rebuild" }
                    p { "Replaces every document that is not what its history gives, beside readers and writers." }
                    (layout::token(&by.0))
                    fieldset {
                        legend { "Views" }
                        @for (name, _) in VIEWS { label { input type="checkbox" name="view" value=(name) checked; " " (name) } }
                    }
                    button.primary { "Rebuild" }
                }
            }
            h2 { "Lately, in this process" }
            @let jobs = on.0.jobs.all();
            @if jobs.is_empty() { p.quiet { "Nothing." } }
            ul.checks { @for job in jobs { li { (line(&job)) } } }
        },
    )
}

fn line(job: &Job) -> Markup {
    let told = job.now();
    html! {
        span class={ "dot " (mood(&told)) } {}
        a href={ "/operations/" (job.id) } { (job.title) }
        " " span.quiet { "started " (show::time(job.started)) ", " (word(&told)) }
    }
}

fn mood(told: &Told) -> &'static str {
    match told.end.as_ref().map(|end| &end.outcome) {
        None => "busy",
        Some(Outcome::Done) => "good",
        Some(Outcome::Cancelled | Outcome::Failed(_)) => "bad",
    }
}

fn word(told: &Told) -> &'static str {
    match told.end.as_ref().map(|end| &end.outcome) {
        None => "at work",
        Some(Outcome::Done) => "done",
        Some(Outcome::Cancelled) => "cancelled",
        Some(Outcome::Failed(_)) => "failed",
    }
}

fn find(on: &On, id: i64) -> Result<Arc<Job>, Problem> {
    let detail = || format!("operation {id} is not known: it was of another process, or is forgotten");
    on.0.jobs.find(id.cast_unsigned()).ok_or_else(|| Problem::not_found("no_such_operation", detail()))
}

fn page_of(job: &Job) -> Response {
    Redirect::to(&format!("/operations/{}", job.id)).into_response()
}

pub(super) async fn show(on: On, by: By, PathId(id): PathId) -> Result<Markup, Problem> {
    let job = find(&on, id)?;
    Ok(layout::page(
        &by.0,
        "/operations",
        &job.title,
        &html! {
            p.quiet { "Started " (show::time_and_age(job.started)) ". It goes on when this page is closed." }
            div.live data-connection="opening" {
                div data-live={ "/operations/" (id) "/stream" } { (progress(&job.now(), job.id)) }
                @if job.now().end.is_none() { (cancel_form(&by.0, job.id)) }
            }
        },
    ))
}

fn cancel_form(visitor: &Visitor, id: u64) -> Markup {
    html! {
        form.cancel method="post" action={ "/operations/" (id) "/cancel" } {
            (layout::token(visitor))
            button { "Cancel" }
            p.quiet { "What is done stays done; it can be started again at any time." }
        }
    }
}

fn progress(told: &Told, id: u64) -> Markup {
    let label = format!("progress-{id}");
    html! {
        p.headline role="status" {
            span class={ "dot " (mood(told)) } {} strong id=(label) { (word(told)) }
            @if let Some(End { at, outcome }) = &told.end {
                " " span.quiet { (show::time(*at)) }
                @if let Outcome::Failed(error) = outcome { " " span.why { (error) } }
            }
        }
        progress aria-labelledby=(label) value=[bar(told)] max="1000" {}
        @if told.total > 0 { p { (show::number(told.done.cast_signed())) " of " (show::number(told.total.cast_signed())) } }
        dl.wide { @for (name, value) in &told.facts { div { dt { (name) } dd { (value) } } } }
        @if !told.findings.is_empty() {
            ul.findings { @for finding in told.findings.iter().take(FINDINGS) { li.why { (finding) } } }
            @if told.findings.len() > FINDINGS { p.quiet { "and " (told.findings.len() - FINDINGS) " more" } }
        }
    }
}

/// In thousandths; nothing while it is not known how much there is.
fn bar(told: &Told) -> Option<u64> {
    if told.end.as_ref().is_some_and(|end| end.outcome == Outcome::Done) {
        return Some(1_000);
    }
    (told.total > 0).then(|| (1_000 * told.done / told.total).min(1_000))
}

pub(super) async fn stream(on: On, PathId(id): PathId) -> Result<impl IntoResponse, Problem> {
    let job = find(&on, id)?;
    let job_id = job.id;
    let stop = on.0.console.stop.clone();
    Ok(events(job.watch(), stop, move |told: &Told| {
        let markup = progress(told, job_id);
        if told.end.is_some() { Streamed::Last(markup) } else { Streamed::Shown(markup) }
    }))
}

pub(super) async fn cancel(on: On, PathId(id): PathId) -> Result<Response, Problem> {
    let job = find(&on, id)?;
    job.cancel();
    Ok(page_of(&job))
}

pub(super) async fn rebuild(on: On, Extension(form): Extension<Form>) -> Result<Response, Problem> {
    let wanted = form.all("view");
    if let Some(unknown) = wanted.iter().find(|view| VIEWS.iter().all(|(name, _)| name != *view)) {
        return Err(Problem::invalid_field("view", unknown, "must be users, products or orders"));
    }
    if wanted.is_empty() {
        return Err(Problem::invalid_field("view", "", "choose at least one"));
    }
    let kinds: Vec<AggregateKind> =
        VIEWS.iter().filter(|(name, _)| wanted.contains(name)).map(|(_, kind)| *kind).collect();
    let (projector, db) = (Arc::clone(&on.0.console.projector), on.0.db().clone());
    let title = format!("Rebuild of {}", wanted.join(", "));
    let job = on.0.jobs.start(title, &on.0.console.stop, |tell| async move {
        let rebuilt = projector.rebuild(&db, &kinds, |rebuilt| tell(of_rebuilt(rebuilt))).await;
        rebuilt.map(|rebuilt| of_rebuilt(&rebuilt)).map_err(of_outage)
    });
    Ok(page_of(&job))
}

fn of_rebuilt(rebuilt: &Rebuilt) -> Told {
    Told {
        done: rebuilt.events,
        total: rebuilt.total,
        facts: vec![
            ("Replaced", rebuilt.replaced.to_string()),
            ("Removed", rebuilt.removed.to_string()),
            ("Broken histories", rebuilt.broken.len().to_string()),
        ],
        findings: rebuilt.broken.clone(),
        end: None,
    }
}

pub(super) async fn verify(on: On, Extension(form): Extension<Form>) -> Result<Response, Problem> {
    let repair = !form.text("repair").is_empty();
    let (projector, db) = (Arc::clone(&on.0.console.projector), on.0.db().clone());
    let title = if repair { "Verify and repair" } else { "Verify" };
    let job = on.0.jobs.start(title.to_owned(), &on.0.console.stop, |tell| async move {
        let verified = projector.verify(&db, repair, |verified| tell(of_verified(verified))).await;
        verified.map(|verified| of_verified(&verified)).map_err(of_outage)
    });
    Ok(page_of(&job))
}

fn of_verified(verified: &Verified) -> Told {
    let finding = |it: &esteira_projector::Difference| {
        format!(
            "{} in the {}: found {}, expected {}",
            it.of,
            format!("{:?}", it.at).to_lowercase(),
            it.found,
            it.expected
        )
    };
    Told {
        done: verified.read,
        // What has happened since it began is read too.
        total: verified.total.max(verified.read),
        facts: vec![
            ("Aggregates", show::number(verified.aggregates.cast_signed())),
            ("Differences", verified.differences.len().to_string()),
            ("Repaired", verified.repaired.to_string()),
        ],
        findings: verified.differences.iter().map(finding).collect(),
        end: None,
    }
}
