//! Kafka's rules for names and sizes, which both adapters obey alike.

use crate::{LogError, NewRecord, TopicSpec};

/// Kafka's default for `max.message.bytes`.
pub(crate) const DEFAULT_MAX_BYTES: usize = 1_048_588;
/// A record batch of message format 2 before its first record.
const BATCH_OVERHEAD: usize = 61;
const MAX_TOPIC_NAME: usize = 249;

/// Why `record` cannot be published by any log.
pub(crate) fn check_record(record: &NewRecord) -> Result<(), String> {
    check_topic_name(&record.topic)?;
    match record.headers.iter().find(|header| header.name.contains('\0')) {
        Some(header) => Err(format!("header name {:?} contains a NUL", header.name)),
        None => Ok(()),
    }
}

/// Why `spec` is not a topic that can be created.
pub(crate) fn check_spec(spec: &TopicSpec) -> Result<(), LogError> {
    check_topic_name(&spec.name).map_err(LogError::Invalid)?;
    if spec.partitions < 1 {
        return Err(LogError::Invalid(format!("topic {} needs at least one partition", spec.name)));
    }
    if let Some((name, value)) =
        spec.config.iter().find(|(name, value)| format!("{name}{value}").contains('\0'))
    {
        return Err(LogError::Invalid(format!(
            "setting {name:?}={value:?} of topic {} has a NUL",
            spec.name
        )));
    }
    Ok(())
}

/// Why nothing can subscribe to `topics` as `group`.
pub(crate) fn check_subscription(group: &str, topics: &[&str]) -> Result<(), LogError> {
    if group.is_empty() || group.contains('\0') {
        return Err(LogError::Invalid(format!("{group:?} is not a group id")));
    }
    if topics.is_empty() {
        return Err(LogError::Invalid(format!("group {group} subscribes to no topic")));
    }
    topics.iter().try_for_each(|topic| check_topic_name(topic)).map_err(LogError::Invalid)
}

pub(crate) fn check_topic_name(name: &str) -> Result<(), String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let ok = !name.is_empty()
        && name.len() <= MAX_TOPIC_NAME
        && name.chars().all(legal)
        && name != "."
        && name != "..";
    if ok { Ok(()) } else { Err(format!("{name:?} is not a topic name")) }
}

/// The bytes that `record` takes in a batch of its own: what a broker compares with `max.message.bytes`.
pub(crate) fn batch_bytes(record: &NewRecord) -> usize {
    let headers: usize = record
        .headers
        .iter()
        .map(|header| sized(Some(header.name.as_bytes())) + sized(header.value.as_deref()))
        .sum();
    // Attributes, timestamp delta and offset delta take a byte each when the record is the first of its batch.
    let body = 3
        + sized(record.key.as_deref())
        + sized(record.value.as_deref())
        + varint(record.headers.len())
        + headers;
    BATCH_OVERHEAD + varint(body) + body
}

fn sized(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |bytes| varint(bytes.len()) + bytes.len())
}

/// Zigzag, so that a length takes one bit more.
fn varint(length: usize) -> usize {
    let bits = usize::BITS - (length << 1).leading_zeros();
    bits.div_ceil(7).max(1) as usize
}

/// Kafka's `consistent` partitioner. `None` for a key that is absent or empty, which goes anywhere.
pub(crate) fn partition_of(key: Option<&[u8]>, partitions: i32) -> Option<i32> {
    let key = key.filter(|key| !key.is_empty())?;
    let count = u32::try_from(partitions).ok().filter(|count| *count > 0)?;
    i32::try_from(crc32fast::hash(key) % count).ok()
}
