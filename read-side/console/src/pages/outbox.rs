//! Rows that the log has refused, and what to do about them.

use axum::extract::Extension;
use axum::response::{IntoResponse, Redirect, Response};
use chrono::DateTime;
use esteira_outbox::{Stuck, backlog, oldest_refused, retry as try_again, skip as give_up};
use esteira_web::{PathId, Problem};
use maud::{Markup, html};

use super::{By, On};
use crate::access::Visitor;
use crate::failure::{no_such_row, of_store};
use crate::form::Form;
use crate::sampler::COUNTED;
use crate::{layout, show};

/// Rows that are shown.
const SHOWN: u32 = 200;
/// Waiting rows that are looked through.
const WITHIN: u32 = 100_000;

pub(super) async fn list(on: On, by: By) -> Result<Markup, Problem> {
    let mut reader = on.0.db().read().await.map_err(of_store)?;
    let rows = oldest_refused(&mut reader.conn(), WITHIN, SHOWN).await.map_err(of_store)?;
    let (waiting, oldest) = backlog(&mut reader.conn(), COUNTED).await.map_err(of_store)?;
    Ok(layout::page(
        &by.0,
        "/outbox",
        "Outbox",
        &html! {
            p.headline {
                strong { (show::count(waiting, COUNTED)) }
                @if waiting == 1 { " event waits" } @else { " events wait" } " to be published"
                @if let Some(oldest) = oldest { ", the oldest for " (show::since(oldest.to_utc())) }
                "."
            }
            h2 { "Refused by the log" }
            @if rows.is_empty() { p.quiet { "None." } } @else {
                p.quiet { "A refused row holds back its own aggregate only, and is tried again by itself, every five minutes at most." }
            }
            ul.causes { @for row in &rows { (refused_row(&by.0, row)) } }
        },
    ))
}

fn refused_row(visitor: &Visitor, row: &Stuck) -> Markup {
    let kind = row.aggregate.as_deref().and_then(|kind| kind.parse().ok());
    let reason = format!("reason-{}", row.id);
    html! {
        li {
            h3 { "Row " (row.id) ", " (row.event_type) }
            p.why { (row.last_error.as_deref().unwrap_or("no error was kept")) }
            p {
                @if let Some((kind, id)) = kind.zip(row.aggregate_id) { (super::views::link(kind, id)) ", " }
                @if let Some(sequence) = row.sequence { "event " (sequence) ", " }
                "stored " (show::time_and_age(row.created_at.to_utc())) ", refused " (row.attempts) " times"
                @if let Some(next) = row.next_attempt_at.and_then(DateTime::from_timestamp_millis) { ", tried again at " (show::time(next)) }
                "."
            }
            div.decide {
                form method="post" action={ "/outbox/" (row.id) "/retry" } { (layout::token(visitor)) button { "Retry now" } }
                form method="post" action={ "/outbox/" (row.id) "/skip" } data-confirm={ "Skip row " (row.id) "? Its event is published as one that changes nothing." } {
                    (layout::token(visitor))
                    label for=(reason) { "Why it is skipped" }
                    input id=(reason) name="reason" required maxlength="1000" autocomplete="off";
                    button.danger { "Skip" }
                }
            }
        }
    }
}

pub(super) async fn retry(on: On, PathId(id): PathId) -> Result<Response, Problem> {
    back(id, try_again(on.0.db(), id).await.map_err(of_store)?)
}

pub(super) async fn skip(
    on: On,
    PathId(id): PathId,
    Extension(form): Extension<Form>,
) -> Result<Response, Problem> {
    back(id, give_up(on.0.db(), id, form.reason()?).await.map_err(of_store)?)
}

fn back(id: i64, done: bool) -> Result<Response, Problem> {
    if done { Ok(Redirect::to("/outbox").into_response()) } else { Err(no_such_row(id)) }
}
