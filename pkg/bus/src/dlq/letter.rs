//! A dead letter as its queue has it.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::decode::{UNKNOWN, number, split};
use super::{DLQ_SUFFIX, DlqDecodeError, headers, original};
use crate::{Position, Record};

/// Where a dead letter was put: `order.paid.dlq/0/12`. It keeps this name also when it is published again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LetterId {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
}

impl LetterId {
    pub fn of(letter: &Record) -> Self {
        let Position { partition, offset } = letter.origin();
        Self { topic: letter.topic.clone(), partition, offset }
    }
}

impl fmt::Display for LetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.topic, self.partition, self.offset)
    }
}

impl FromStr for LetterId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.rsplitn(3, '/');
        let offset = parts.next().and_then(|offset| offset.parse().ok()).filter(|offset| *offset >= 0);
        let partition =
            parts.next().and_then(|partition| partition.parse().ok()).filter(|partition| *partition >= 0);
        let topic = parts.next().filter(|topic| topic.ends_with(DLQ_SUFFIX));
        match (topic, partition, offset) {
            (Some(topic), Some(partition), Some(offset)) => {
                Ok(Self { topic: topic.to_owned(), partition, offset })
            }
            _ => Err(format!("{text:?} is not a dead letter: expected <topic>.dlq/<partition>/<offset>")),
        }
    }
}

/// A record that a consumer group gave up, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    pub id: LetterId,
    /// The record, byte for byte. One whose own place is not known (Go's letters do not tell it) stands at its letter's
    /// offset, with the letter's partition counted down from -1.
    pub original: Record,
    pub error: String,
    /// Go's letters have none of what follows.
    pub dead_at: Option<DateTime<Utc>>,
    pub group: Option<String>,
    pub attempts: Option<i64>,
    pub class: Option<String>,
    pub first_failure: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    error_message: String,
    #[serde(default)]
    timestamp: Option<String>,
}

impl DeadLetter {
    /// Reads a record of a dead letter topic.
    pub fn read(letter: &Record) -> Result<Self, DlqDecodeError> {
        let said: Said = serde_json::from_slice(letter.value.as_deref().ok_or(DlqDecodeError::Empty)?)?;
        let (id, mut original) = (LetterId::of(letter), original(letter)?);
        if i64::from(original.partition) == UNKNOWN {
            (original.partition, original.offset) = (-1 - id.partition, id.offset);
        }
        let (_, ours) = split(letter)?;
        let text = |name: &str| {
            let header = ours.iter().find(|header| header.name == name)?;
            std::str::from_utf8(header.value.as_deref()?).ok().map(str::to_owned)
        };
        let dead_at = said.timestamp.and_then(|at| DateTime::parse_from_rfc3339(&at).ok());
        Ok(Self {
            id,
            error: said.error_message,
            dead_at: dead_at
                .map(|at| at.with_timezone(&Utc))
                .or_else(|| letter.timestamp_ms.and_then(DateTime::from_timestamp_millis)),
            group: text(headers::GROUP),
            attempts: number(ours, headers::ATTEMPTS)?,
            class: text(headers::ERROR_CLASS),
            first_failure: number(ours, headers::FIRST_FAILURE)?.and_then(DateTime::from_timestamp_millis),
            original,
        })
    }
}
