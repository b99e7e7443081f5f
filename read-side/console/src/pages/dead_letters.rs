//! Dead letters: why there are any, what a redrive would do, and handing them in again.

mod filter;

pub use filter::LetterFilters;

use std::sync::Arc;

use axum::extract::{Extension, RawQuery};
use axum::response::{IntoResponse, Redirect, Response};
use esteira_bus::LetterId;
use esteira_dead_letters::{Cause, Letter, Pace, Progress, Shown, State, Would};
use esteira_web::{PathParams, Problem};
use maud::{Markup, html};

use super::{By, On};
use crate::access::Visitor;
use crate::failure::of_dead_letters;
use crate::form::Form;
use crate::jobs::Told;
use crate::show::{Beginning, LINE_BYTES};
use crate::{diff, layout, show};

const PAGE: usize = 50;

pub(super) async fn list(on: On, by: By, RawQuery(query): RawQuery) -> Result<Markup, Problem> {
    let form = Form::read(query.unwrap_or_default().as_bytes())
        .map_err(|()| Problem::bad_request("unreadable_filter", "the filter cannot be read"))?;
    let filters = filter::read(&form)?;
    let mut letters = on.0.console.letters.list(&filters).await.map_err(of_dead_letters)?;
    let causes = Cause::group(&letters);
    letters.reverse();
    let open = letters.iter().filter(|letter| letter.state == State::Open).count();
    let skipped = form.text("skip").parse().unwrap_or(0_usize).min(letters.len());
    let page = letters.get(skipped..).unwrap_or_default();
    let page = page.get(..PAGE.min(page.len())).unwrap_or_default();
    let link = |skip: usize| filter::link(&form, skip);
    let older = (skipped + PAGE < letters.len()).then(|| link(skipped + PAGE));
    let newer = (skipped > 0).then(|| link(skipped.saturating_sub(PAGE)));
    Ok(layout::page(
        &by.0,
        "/dead-letters",
        "Dead letters",
        &html! {
            (filter::form(&form, &on.0.console.groups.iter().map(|group| group.name.as_str()).collect::<Vec<_>>()))
            @if letters.is_empty() {
                p.quiet { "None" @if filter::FIELDS.iter().any(|field| !form.text(field).is_empty()) { " that match" } "." }
            } @else {
                (self::causes(&causes))
                @if open > 0 { (redrive_form(&by.0, &form, open)) }
                h2 { (show::number(letters.len().cast_signed() as i64)) @if letters.len() == 1 { " letter" } @else { " letters" } }
                (table(page))
                (layout::pager(newer.as_deref(), older.as_deref()))
            }
        },
    ))
}

fn causes(causes: &[Cause]) -> Markup {
    html! {
        section aria-labelledby="causes" {
            h2 id="causes" { "Causes" }
            ul.causes {
                @for cause in causes {
                    li {
                        p.why { (cause.error) }
                        p {
                            a href={ "/dead-letters?" (filter::of_cause(cause)) } { (show::number(cause.count.cast_signed() as i64)) " of " (cause.original_topic) }
                            @if let Some(group) = &cause.group { " in " (group) }
                            ", " strong { (show::number(cause.open.cast_signed() as i64)) " open" }
                            @if let Some(last) = cause.last { ", the last one " (show::since(last)) " ago" }
                        }
                    }
                }
            }
        }
    }
}

fn redrive_form(visitor: &Visitor, form: &Form, open: usize) -> Markup {
    html! {
        form.row method="post" action="/dead-letters/redrive" data-confirm={ "Hand " (open) " letters in again?" } {
            (layout::token(visitor))
            @for field in filter::FIELDS { input type="hidden" name=(field) value=(form.text(field)); }
            label for="rate" { "At most" }
            input id="rate" name="rate" type="number" min="1" value="100" inputmode="numeric";
            span { "a second" }
            button.primary { "Redrive all " (show::number(open.cast_signed() as i64)) " open" }
        }
    }
}

fn table(letters: &[Letter]) -> Markup {
    html! {
        div.scroll {
            table {
                thead { tr { th scope="col" { "Letter" } th scope="col" { "State" } th scope="col" { "Of" } th scope="col" { "Error" } th scope="col" { "Given up" } } }
                tbody {
                    @for letter in letters {
                        tr {
                            th scope="row" { a href={ "/dead-letters/" (letter.letter) } { (letter.letter) } }
                            td { (state(letter.state)) }
                            td { (aggregate(letter)) }
                            td.why { (letter.error.chars().take(160).collect::<String>()) }
                            td { @if let Some(at) = letter.dead_at { (show::time(at)) } }
                        }
                    }
                }
            }
        }
    }
}

fn state(state: State) -> Markup {
    html! { span class={ "tag state-" (filter::name(state)) } { (filter::name(state)) } }
}

fn aggregate(letter: &Letter) -> Markup {
    let kind = letter.aggregate.as_deref().and_then(|kind| kind.parse().ok());
    html! {
        @match kind.zip(letter.aggregate_id) {
            Some((kind, id)) => (super::views::link(kind, id)),
            None => (letter.aggregate.as_deref().unwrap_or("–")),
        }
        @if let Some(sequence) = letter.sequence { " " span.quiet { "event " (sequence) } }
    }
}

type Place = PathParams<(String, i32, i64)>;

fn id(PathParams((topic, partition, offset)): Place) -> Result<LetterId, Problem> {
    let text = format!("{topic}/{partition}/{offset}");
    text.parse().map_err(|error| Problem::bad_request("not_a_dead_letter", error))
}

fn page_of(id: &LetterId) -> Response {
    Redirect::to(&format!("/dead-letters/{id}")).into_response()
}

pub(super) async fn show(on: On, by: By, place: Place) -> Result<Markup, Problem> {
    let id = id(place)?;
    let shown = on.0.console.letters.show(&id).await.map_err(of_dead_letters)?;
    let letter = &shown.letter;
    Ok(layout::page(
        &by.0,
        "/dead-letters",
        &letter.letter,
        &html! {
            p.headline { (state(letter.state)) " " span.why { (letter.error) } }
            @if let Some(reason) = &letter.reason { p { "Discarded: " (reason) } }
            (particulars(letter))
            @if letter.state == State::Open { (preview(&shown.would)) (decide(&by.0, &id)) }
            @if letter.state == State::Redriving {
                p.notice { "It was handed in again and is not applied yet. Reload to see what became of it." }
            }
            (record(&shown))
        },
    ))
}

fn particulars(letter: &Letter) -> Markup {
    html! {
        dl.wide {
            div { dt { "Topic" } dd { a href={ "/topics/" (letter.original_topic) } { (letter.original_topic) } } }
            div { dt { "Event of" } dd { (aggregate(letter)) } }
            div { dt { "Group" } dd { (letter.group.as_deref().unwrap_or("not told: every group that reads the topic")) } }
            @if let Some(class) = &letter.class { div { dt { "Class" } dd { (class) } } }
            @if let Some(attempts) = letter.attempts { div { dt { "Attempts" } dd { (attempts) } } }
            @if let Some(at) = letter.first_failure { div { dt { "First failure" } dd { (show::time(at)) } } }
            @if let Some(at) = letter.dead_at { div { dt { "Given up" } dd { (show::time_and_age(at)) } } }
        }
    }
}

fn preview(would: &[Would]) -> Markup {
    html! {
        section aria-labelledby="preview" {
            h2 id="preview" { "What a redrive would do" }
            @if would.is_empty() { p.quiet { "Nothing: no consumer group here reads it." } }
            @for would in would {
                h3 { (would.group) }
                p { (would.effect) }
                @if would.before.is_some() || would.after.is_some() {
                    (diff::lines(would.before.as_ref(), would.after.as_ref()))
                }
            }
        }
    }
}

fn decide(visitor: &Visitor, id: &LetterId) -> Markup {
    html! {
        div.decide {
            form method="post" action={ "/dead-letters/" (id) "/redrive" } {
                (layout::token(visitor))
                button.primary { "Redrive" }
                p.quiet { "Hands it back to its consumer group. It may be repeated." }
            }
            form method="post" action={ "/dead-letters/" (id) "/discard" } data-confirm="Give this letter up for good?" {
                (layout::token(visitor))
                label for="reason" { "Why it is given up" }
                input id="reason" name="reason" required maxlength="1000" autocomplete="off";
                button.danger { "Discard" }
                p.quiet { "What waits behind it goes on. The letter stays in its queue." }
            }
        }
    }
}

fn record(shown: &Shown) -> Markup {
    html! {
        h2 { "The record" }
        dl.wide { div { dt { "Key" } dd { @match &shown.key { Some(key) => code { (Beginning::of(key.as_bytes(), LINE_BYTES)) }, None => span.quiet { "none" } } } } }
        (show::document(&shown.value))
        @if !shown.headers.is_empty() {
            details {
                summary { (shown.headers.len()) " headers" }
                div.scroll {
                    table {
                        tbody {
                            @for (name, value) in &shown.headers {
                                tr { th scope="row" { (name) } td.text { code { (Beginning::of(value.as_deref().unwrap_or("null").as_bytes(), LINE_BYTES)) } } }
                            }
                        }
                    }
                }
            }
        }
    }
}

pub(super) async fn redrive(on: On, place: Place) -> Result<Response, Problem> {
    let id = id(place)?;
    on.0.console.letters.redrive(&id).await.map_err(of_dead_letters)?;
    Ok(page_of(&id))
}

pub(super) async fn discard(
    on: On,
    place: Place,
    Extension(form): Extension<Form>,
) -> Result<Response, Problem> {
    let id = id(place)?;
    on.0.console.letters.discard(&id, form.reason()?).await.map_err(of_dead_letters)?;
    Ok(page_of(&id))
}

pub(super) async fn redrive_all(on: On, Extension(form): Extension<Form>) -> Result<Response, Problem> {
    let filters = filter::read(&form)?;
    let rate = form.text("rate");
    let per_second = match rate {
        "" => None,
        rate => Some(
            rate.parse()
                .map_err(|_| Problem::invalid_field("rate", rate, "must be a number of at least 1"))?,
        ),
    };
    let pace = Pace { filters, until: None, per_second };
    let letters = on.0.console.letters.clone();
    let stop = &on.0.console.stop;
    let job = on.0.jobs.start(filter::title(&form), stop, |tell| async move {
        let tell = Arc::new(tell);
        let each = Arc::clone(&tell);
        let done = letters.redrive_all(&pace, move |progress| each(told(&progress))).await;
        done.map(|progress| told(&progress)).map_err(of_dead_letters)
    });
    Ok(Redirect::to(&format!("/operations/{}", job.id)).into_response())
}

fn told(progress: &Progress) -> Told {
    Told {
        done: (progress.handed_in + progress.refused) as u64,
        total: progress.total as u64,
        facts: vec![("Handed in", progress.handed_in.to_string()), ("Refused", progress.refused.to_string())],
        findings: progress.last_refusal.iter().cloned().collect(),
        end: None,
    }
}
