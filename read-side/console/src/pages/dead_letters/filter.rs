//! Which letters are wanted.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use chrono::{DateTime, NaiveDateTime, Utc};
use esteira_dead_letters::{Cause, Filters, State};
use esteira_web::{Problem, QueryParams};
use maud::{Markup, html};

use crate::form::Form;

const STATES: [(&str, State); 4] = [
    ("open", State::Open),
    ("redriving", State::Redriving),
    ("applied", State::Applied),
    ("discarded", State::Discarded),
];
const AGGREGATES: [&str; 4] = ["user", "product", "order", "reservation"];
pub(super) const FIELDS: [&str; 8] =
    ["state", "topic", "group", "aggregate", "aggregate_id", "error", "since", "until"];

pub(super) fn name(state: State) -> &'static str {
    STATES.iter().find(|(_, known)| *known == state).map_or("", |(name, _)| name)
}

/// The filter of a query string, for the API.
pub struct LetterFilters(pub Filters);

impl<S: Send + Sync> FromRequestParts<S> for LetterFilters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let params = QueryParams::read(&parts.uri, &FIELDS)?;
        let form = Form::of(params.pairs());
        params.finish()?;
        read(&form).map(Self)
    }
}

/// Reads the filter of a form; fields that were left empty ask for nothing.
pub(super) fn read(form: &Form) -> Result<Filters, Problem> {
    let text = |field: &str| Some(form.text(field).to_owned()).filter(|text| !text.is_empty());
    let number = |field: &str| {
        let read = |text: String| {
            text.parse().map_err(|_| Problem::invalid_field(field, &text, "must be a whole number"))
        };
        text(field).map(read).transpose()
    };
    let state = |text: String| {
        let known = STATES.iter().find(|(name, _)| *name == text).map(|(_, state)| *state);
        known.ok_or_else(|| {
            Problem::invalid_field("state", &text, "must be open, redriving, applied or discarded")
        })
    };
    let time = |field: &str| text(field).map(|text| at(field, &text)).transpose();
    Ok(Filters {
        topic: text("topic"),
        group: text("group"),
        aggregate: text("aggregate"),
        aggregate_id: number("aggregate_id")?,
        error: text("error"),
        state: text("state").map(state).transpose()?,
        since: time("since")?,
        until: time("until")?,
    })
}

/// RFC 3339, or as a browser's field has it, in UTC.
fn at(field: &str, text: &str) -> Result<DateTime<Utc>, Problem> {
    let exact = DateTime::parse_from_rfc3339(text).map(|at| at.to_utc()).ok();
    let local = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    exact
        .or(local.map(|at| at.and_utc()))
        .ok_or_else(|| Problem::invalid_field(field, text, "must be a time such as 2026-11-22T12:43, in UTC"))
}

fn given(form: &Form) -> Vec<(&'static str, &str)> {
    FIELDS.iter().map(|field| (*field, form.text(field))).filter(|(_, text)| !text.is_empty()).collect()
}

/// What a redrive of those that the form means is called.
pub(super) fn title(form: &Form) -> String {
    let given: Vec<_> = given(form).into_iter().map(|(field, text)| format!(", {field} {text}")).collect();
    format!("Redrive of dead letters{}", given.concat())
}

pub(super) fn link(form: &Form, skip: usize) -> String {
    let skip = skip.to_string();
    let mut pairs = given(form);
    pairs.push(("skip", &skip));
    format!("/dead-letters?{}", serde_urlencoded::to_string(pairs).unwrap_or_default())
}

pub(super) fn form(form: &Form, groups: &[&str]) -> Markup {
    let choice = |field: &str, label: &str, all: &str, options: &[&str]| {
        html! {
            div {
                label for=(field) { (label) }
                select id=(field) name=(field) data-submit {
                    option value="" { (all) }
                    @for option in options { option value=(option) selected[form.text(field) == *option] { (option) } }
                }
            }
        }
    };
    let input = |field: &str, label: &str, kind: &str| {
        html! { div { label for=(field) { (label) } input id=(field) name=(field) type=(kind) value=(form.text(field)) autocomplete="off"; } }
    };
    html! {
        form.filter action="/dead-letters" role="search" aria-label="Filter" {
            (choice("state", "State", "any", &STATES.map(|(name, _)| name)))
            (choice("aggregate", "Aggregate", "any", &AGGREGATES))
            (input("aggregate_id", "Id", "text"))
            (input("topic", "Topic", "text"))
            (choice("group", "Group", "any", groups))
            (input("error", "Error has", "search"))
            (input("since", "Since (UTC)", "datetime-local"))
            (input("until", "Until (UTC)", "datetime-local"))
            button { "Filter" }
            a href="/dead-letters" { "Clear" }
        }
    }
}

/// The filter of a cause: the longest part of its error that has no number in it.
pub(super) fn of_cause(cause: &Cause) -> String {
    let part = cause.error.split('#').max_by_key(|part| part.len()).unwrap_or_default().trim();
    let group = cause.group.as_deref().unwrap_or_default();
    serde_urlencoded::to_string([("topic", cause.original_topic.as_str()), ("group", group), ("error", part)])
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str) -> Result<Filters, Problem> {
        read(&Form::read(query.as_bytes()).unwrap())
    }

    #[test]
    fn a_filter_left_empty_asks_for_everything() {
        assert_eq!(of("state=&topic=&aggregate_id=+&since=").unwrap(), Filters::default());
    }

    #[test]
    fn a_browsers_time_is_utc() {
        let filters = of("since=2026-11-22T12:43&until=2026-11-22T12:43:10%2B01:00").unwrap();
        assert_eq!(filters.since.unwrap().to_rfc3339(), "2026-11-22T12:43:00+00:00");
        assert_eq!(filters.until.unwrap().to_rfc3339(), "2026-11-22T11:43:10+00:00");
    }

    #[test]
    fn what_is_no_filter_is_told_by_its_field() {
        for (query, field) in
            [("aggregate_id=x", "aggregate_id"), ("state=lost", "state"), ("until=today", "until")]
        {
            assert_eq!(of(query).unwrap_err().errors[0].field, field);
        }
    }
}
