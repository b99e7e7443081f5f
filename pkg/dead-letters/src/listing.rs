//! Letters with their state, filtered and grouped by cause.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use esteira_bus::DeadLetter;
use esteira_events::{Event, Topics};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// What became of a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It waits for an operator.
    Open,
    /// Handed in again, and not applied yet.
    Redriving,
    /// Its effect is there.
    Applied,
    /// Given up for good.
    Discarded,
}

/// A dead letter as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Letter {
    /// Where it is: `<topic>.dlq/<partition>/<offset>`.
    pub letter: String,
    pub original_topic: String,
    /// The consumer group that gave it up; Go's letters do not tell it.
    pub group: Option<String>,
    /// What its event happened to, where that can be told.
    pub aggregate: Option<String>,
    pub aggregate_id: Option<i64>,
    pub sequence: Option<i64>,
    pub event_id: Option<String>,
    /// `undecodable` or `failed`.
    pub class: Option<String>,
    pub error: String,
    pub attempts: Option<i64>,
    pub first_failure: Option<DateTime<Utc>>,
    pub dead_at: Option<DateTime<Utc>>,
    pub state: State,
    /// Why it was discarded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Letter {
    pub(crate) fn of(letter: &DeadLetter, topics: &Topics, state: State, reason: Option<String>) -> Self {
        let original = &letter.original;
        let event_type = topics.event_type(&original.topic);
        let event = event_type.and_then(|event| Event::decode(event, original.value.as_deref()).ok());
        let key = || std::str::from_utf8(original.key.as_deref()?).ok()?.parse().ok();
        Self {
            letter: letter.id.to_string(),
            original_topic: original.topic.clone(),
            group: letter.group.clone(),
            aggregate: event_type.map(|event| event.aggregate().to_string()),
            aggregate_id: event.as_ref().map(Event::aggregate_id).or_else(key),
            sequence: event
                .as_ref()
                .and_then(Event::sequence)
                .or_else(|| original.header("ce_sequence")?.parse().ok()),
            event_id: event
                .map(|event| event.meta.event_id.to_string())
                .or_else(|| original.header("ce_id").map(str::to_owned)),
            class: letter.class.clone(),
            error: letter.error.clone(),
            attempts: letter.attempts,
            first_failure: letter.first_failure,
            dead_at: letter.dead_at,
            state,
            reason,
        }
    }
}

/// Which letters are meant; all that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Filters {
    /// The topic that the record came from, such as `order.paid`.
    pub topic: Option<String>,
    /// The consumer group that gave it up.
    pub group: Option<String>,
    /// `user`, `product`, `order` or `reservation`.
    pub aggregate: Option<String>,
    pub aggregate_id: Option<i64>,
    /// Text that is part of the error.
    pub error: Option<String>,
    pub state: Option<State>,
    /// Given up at this time or later, RFC 3339.
    pub since: Option<DateTime<Utc>>,
    /// Given up at this time or earlier, RFC 3339.
    pub until: Option<DateTime<Utc>>,
}

impl Filters {
    pub(crate) fn hold(&self, letter: &Letter) -> bool {
        let same = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        same(&self.topic, Some(&letter.original_topic))
            && same(&self.group, letter.group.as_deref())
            && same(&self.aggregate, letter.aggregate.as_deref())
            && self.aggregate_id.is_none_or(|id| letter.aggregate_id == Some(id))
            && self.error.as_deref().is_none_or(|text| letter.error.contains(text))
            && self.state.is_none_or(|state| letter.state == state)
            && self.since.is_none_or(|since| letter.dead_at.is_some_and(|at| at >= since))
            && self.until.is_none_or(|until| letter.dead_at.is_some_and(|at| at <= until))
    }
}

/// Letters that failed alike: of one topic and group, with an error that differs in numbers only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cause {
    pub original_topic: String,
    pub group: Option<String>,
    pub error: String,
    pub count: usize,
    pub open: usize,
    pub first: Option<DateTime<Utc>>,
    pub last: Option<DateTime<Utc>>,
}

impl Cause {
    /// The causes of `letters`, the most frequent first.
    pub fn group(letters: &[Letter]) -> Vec<Self> {
        let mut causes = BTreeMap::<(String, Option<String>, String), Self>::new();
        for letter in letters {
            let key = (letter.original_topic.clone(), letter.group.clone(), without_numbers(&letter.error));
            let cause = causes.entry(key).or_insert_with_key(|(topic, group, error)| Self {
                original_topic: topic.clone(),
                group: group.clone(),
                error: error.clone(),
                count: 0,
                open: 0,
                first: letter.dead_at,
                last: letter.dead_at,
            });
            cause.count += 1;
            cause.open += usize::from(letter.state == State::Open);
            cause.first = cause.first.min(letter.dead_at);
            cause.last = cause.last.max(letter.dead_at);
        }
        let mut causes: Vec<_> = causes.into_values().collect();
        causes.sort_by_key(|cause| std::cmp::Reverse(cause.count));
        causes
    }
}

/// Ids, offsets and positions are what tells apart errors of one cause.
fn without_numbers(error: &str) -> String {
    let mut text = String::with_capacity(error.len());
    for part in error.chars() {
        if !part.is_ascii_digit() {
            text.push(part);
        } else if !text.ends_with('#') {
            text.push('#');
        }
    }
    text
}
