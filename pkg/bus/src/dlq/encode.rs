//! Record → dead letter.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::SecondsFormat;
use serde::Serialize;

use super::{DLQ_SUFFIX, Failure, headers};
use crate::{Header, NewRecord, Record};

/// Longer messages are cut: value, message and headers must fit into three times the source's record limit.
const MAX_ERROR_BYTES: usize = 4096;

#[derive(Serialize)]
struct Letter<'a> {
    original_topic: &'a str,
    error_message: &'a str,
    timestamp: String,
    original_event: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    original_event_base64: Option<String>,
}

/// The dead letter of `record`, for the topic `<topic>.dlq`: the value of `CONTRACTS.md`, the original key and headers,
/// and after those our own ([`headers`]). [`super::original`] is the inverse, byte for byte.
pub fn dead_letter(record: &Record, failure: &Failure<'_>) -> NewRecord {
    let (original_event, original_event_base64) = event_of(record.value.as_deref());
    let letter = Letter {
        original_topic: &record.topic,
        error_message: cut(failure.error, MAX_ERROR_BYTES),
        timestamp: failure.now.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        original_event,
        original_event_base64,
    };
    let mut headers = record.headers.clone();
    headers.extend(our_headers(record, failure));
    NewRecord {
        topic: format!("{}{DLQ_SUFFIX}", record.topic),
        key: record.key.clone(),
        value: Some(serde_json::to_vec(&letter).expect("strings always serialize")),
        headers,
    }
}

fn event_of(value: Option<&[u8]>) -> (Option<&str>, Option<String>) {
    let Some(bytes) = value else { return (None, None) };
    match std::str::from_utf8(bytes) {
        Ok(text) if !escapes_badly(text) => (Some(text), None),
        Ok(_) | Err(_) => (None, Some(STANDARD.encode(bytes))),
    }
}

/// Control characters take six bytes in JSON, and a value full of them would no longer fit into the dead letter topic.
fn escapes_badly(text: &str) -> bool {
    let control = text.bytes().filter(u8::is_ascii_control).count();
    control > 16 && control > text.len() / 8
}

fn our_headers(record: &Record, failure: &Failure<'_>) -> Vec<Header> {
    let mut ours = vec![
        Header::text(headers::PARTITION, record.partition.to_string()),
        Header::text(headers::OFFSET, record.offset.to_string()),
    ];
    ours.extend(record.timestamp_ms.map(|ms| Header::text(headers::TIMESTAMP, ms.to_string())));
    ours.extend([
        Header::text(headers::GROUP, failure.group),
        Header::text(headers::ATTEMPTS, failure.attempts.to_string()),
        Header::text(headers::ERROR_CLASS, failure.class.as_str()),
        Header::text(headers::FIRST_FAILURE, failure.first_failure_ms.to_string()),
        Header::text(headers::HEADER_COUNT, record.headers.len().to_string()),
    ]);
    ours
}

fn cut(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}
