//! Dead letters: golden JSON, and back again.

use chrono::{DateTime, Utc};
use esteira_bus::{DlqDecodeError, ErrorClass, Failure, Header, NewRecord, Record, dead_letter, original};
use proptest::prelude::*;

use crate::serialization::records;

fn now() -> DateTime<Utc> {
    "2026-11-22T12:43:03.5Z".parse().unwrap()
}

fn failure(error: &str) -> Failure<'_> {
    Failure {
        group: "query-consumer",
        error,
        class: ErrorClass::Failed,
        attempts: 6,
        first_failure_ms: 1_795_351_352_000,
        now: now(),
    }
}

fn record(value: Option<&[u8]>) -> Record {
    Record {
        topic: "order.created".to_owned(),
        partition: 2,
        offset: 41,
        timestamp_ms: Some(1_795_351_351_000),
        key: Some(b"7".to_vec()),
        value: value.map(<[u8]>::to_vec),
        headers: vec![
            Header::text("ce_id", "a"),
            Header { name: "raw".to_owned(), value: Some(vec![0xff, 0]) },
        ],
    }
}

/// As the DLQ topic gives it back.
fn stored(letter: NewRecord) -> Record {
    let NewRecord { topic, key, value, headers } = letter;
    Record { topic, partition: 0, offset: 900, timestamp_ms: Some(1), key, value, headers }
}

fn value_of(letter: &NewRecord) -> &str {
    std::str::from_utf8(letter.value.as_deref().unwrap()).unwrap()
}

#[test]
fn a_dead_letter_is_as_the_contract_says() {
    let letter = dead_letter(&record(Some(br#"{"order":{"id":7}}"#)), &failure("no such user"));
    assert_eq!(letter.topic, "order.created.dlq");
    assert_eq!(letter.key.as_deref(), Some(b"7".as_slice()));
    assert_eq!(value_of(&letter), include_str!("golden/dlq.json").trim_end());
    let headers: Vec<_> = letter
        .headers
        .iter()
        .map(|h| (h.name.as_str(), String::from_utf8_lossy(h.value.as_deref().unwrap())))
        .collect();
    let expected = [
        ("ce_id", "a"),
        ("raw", "\u{fffd}\0"),
        ("dlq_partition", "2"),
        ("dlq_offset", "41"),
        ("dlq_timestamp", "1795351351000"),
        ("dlq_group", "query-consumer"),
        ("dlq_attempts", "6"),
        ("dlq_error_class", "failed"),
        ("dlq_first_failure", "1795351352000"),
        ("dlq_header_count", "2"),
    ];
    assert_eq!(headers, expected.map(|(name, value)| (name, value.into())));
}

#[test]
fn a_value_that_is_not_utf8_is_kept_as_base64() {
    let record = record(Some(&[0xff, 0xfe]));
    let letter = dead_letter(&record, &failure("undecodable"));
    assert_eq!(value_of(&letter), include_str!("golden/dlq_binary.json").trim_end());
    assert_eq!(original(&stored(letter)).unwrap(), record);
}

#[test]
fn a_tombstone_is_null_and_not_the_empty_value() {
    let (tombstone, empty) = (record(None), record(Some(b"")));
    let letter = dead_letter(&tombstone, &failure("x"));
    assert!(value_of(&letter).contains(r#""original_event":null"#));
    assert_eq!(original(&stored(letter)).unwrap(), tombstone);
    assert_eq!(original(&stored(dead_letter(&empty, &failure("x")))).unwrap(), empty);
}

#[test]
fn a_go_dead_letter_comes_back() {
    let value = include_bytes!("golden/dlq_go.json");
    let mut go = record(Some(value));
    go.topic = "order.created.dlq".to_owned();
    let record = original(&go).unwrap();
    assert_eq!(record.value.as_deref(), Some(br#"{"order_id":7,"reason":"a<b"}"#.as_slice()));
    assert_eq!((record.topic.as_str(), record.key, record.headers), ("order.canceled", go.key, go.headers));
    assert_eq!((record.partition, record.offset, record.timestamp_ms), (-1, -1, None));
}

#[test]
fn an_event_that_was_put_there_unquoted_is_its_text() {
    let letter = record(Some(br#"{"original_topic":"t","original_event":{"b": 1, "a":2}}"#));
    assert_eq!(original(&letter).unwrap().value.as_deref(), Some(br#"{"b": 1, "a":2}"#.as_slice()));
}

#[test]
fn the_largest_record_fits_into_its_dead_letter_topic() {
    for value in [vec![b'"'; 1_048_000], vec![1; 1_048_000], vec![0xff; 1_048_000]] {
        let letter = dead_letter(&record(Some(&value)), &failure(&"é".repeat(1_000_000)));
        assert!(letter.value.as_ref().unwrap().len() < 3 * 1_048_588);
        assert_eq!(original(&stored(letter)).unwrap().value, Some(value));
    }
}

#[test]
fn what_is_no_dead_letter_is_refused() {
    let refused = |value: Option<&[u8]>| original(&record(value)).unwrap_err();
    assert!(matches!(refused(None), DlqDecodeError::Empty));
    assert!(matches!(refused(Some(b"{")), DlqDecodeError::Json(_)));
    assert!(matches!(refused(Some(br#"{"original_topic":"t"}"#)), DlqDecodeError::NoOriginal));
    let base64 = br#"{"original_topic":"t","original_event_base64":"!"}"#;
    assert!(matches!(refused(Some(base64)), DlqDecodeError::Base64(_)));
    let mut letter = stored(dead_letter(&record(None), &failure("x")));
    letter.headers.retain(|header| header.name == "dlq_header_count");
    assert!(matches!(original(&letter), Err(DlqDecodeError::Header("dlq_header_count"))));
}

proptest! {
    #[test]
    fn every_record_comes_back_as_it_left(record in records(), error in any::<String>()) {
        let letter = stored(dead_letter(&record, &failure(&error)));
        prop_assert_eq!(original(&letter).unwrap(), record);
    }

    #[test]
    fn a_dead_letter_may_die_again(record in records()) {
        let once = stored(dead_letter(&record, &failure("once")));
        let twice = stored(dead_letter(&once, &failure("twice")));
        prop_assert_eq!(original(&original(&twice).unwrap()).unwrap(), record);
    }
}
