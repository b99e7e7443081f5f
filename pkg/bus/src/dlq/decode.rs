//! Dead letter → record.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{DlqDecodeError, headers};
use crate::record::origin_in;
use crate::{Header, Record};

/// Where a dead letter does not tell the original's partition or offset (Go's do not), the record has this.
pub(super) const UNKNOWN: i64 = -1;

#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "the contract's names")]
struct Letter<'a> {
    original_topic: String,
    #[serde(borrow, default, deserialize_with = "even_null")]
    original_event: Option<&'a RawValue>,
    #[serde(default)]
    original_event_base64: Option<String>,
}

/// Tells `null` (a tombstone) from a field that is not there.
fn even_null<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

/// The record that `dlq` was made of, byte for byte. Partition and offset are -1 where the dead letter does not tell
/// them, as Go's do not; such a dead letter's headers are all taken for the original's.
pub fn original(dlq: &Record) -> Result<Record, DlqDecodeError> {
    let letter: Letter<'_> = serde_json::from_slice(dlq.value.as_deref().ok_or(DlqDecodeError::Empty)?)?;
    let (theirs, ours) = split(dlq)?;
    let partition = number(ours, headers::PARTITION)?.unwrap_or(UNKNOWN);
    Ok(Record {
        value: value_of(&letter)?,
        topic: letter.original_topic,
        partition: i32::try_from(partition).map_err(|_| DlqDecodeError::Header(headers::PARTITION))?,
        offset: number(ours, headers::OFFSET)?.unwrap_or(UNKNOWN),
        timestamp_ms: number(ours, headers::TIMESTAMP)?,
        key: dlq.key.clone(),
        headers: theirs.to_vec(),
    })
}

fn value_of(letter: &Letter<'_>) -> Result<Option<Vec<u8>>, DlqDecodeError> {
    if let Some(base64) = &letter.original_event_base64 {
        return Ok(Some(STANDARD.decode(base64)?));
    }
    let json = letter.original_event.ok_or(DlqDecodeError::NoOriginal)?.get();
    Ok(match json.as_bytes().first() {
        Some(b'n') => None,
        Some(b'"') => Some(serde_json::from_str::<String>(json)?.into_bytes()),
        // Someone put the event there as JSON instead of as a string: its text is the value.
        Some(_) | None => Some(json.as_bytes().to_vec()),
    })
}

/// The original's headers, and the ones that [`super::dead_letter`] put after them.
pub(super) fn split(letter: &Record) -> Result<(&[Header], &[Header]), DlqDecodeError> {
    let all = letter.headers.as_slice();
    let Some(at) = all.iter().rposition(|header| header.name == headers::HEADER_COUNT) else {
        // Of a letter that was published again the last header tells of the letter.
        let own = |header: &Header| origin_in(header, &letter.topic, letter.partition).is_some();
        return Ok(all.split_at(all.len() - usize::from(all.last().is_some_and(own))));
    };
    let count = number(&all[at..], headers::HEADER_COUNT)?.and_then(|count| usize::try_from(count).ok());
    let count = count.filter(|count| *count <= at).ok_or(DlqDecodeError::Header(headers::HEADER_COUNT))?;
    Ok(all.split_at(count))
}

pub(super) fn number(ours: &[Header], name: &'static str) -> Result<Option<i64>, DlqDecodeError> {
    let Some(header) = ours.iter().find(|header| header.name == name) else { return Ok(None) };
    let text = header.value.as_deref().and_then(|value| std::str::from_utf8(value).ok());
    text.and_then(|text| text.parse().ok()).map(Some).ok_or(DlqDecodeError::Header(name))
}
