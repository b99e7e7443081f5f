//! Dead letters: golden JSON, and back again.

use chrono::{DateTime, TimeDelta, Utc};
use esteira_bus::{
    DeadLetter, DlqDecodeError, ErrorClass, Failure, Header, LetterId, NewRecord, Record, dead_letter,
    next_attempt, original,
};
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

/// At partition 3, offset 900 of the queue.
fn at_its_place(letter: NewRecord) -> Record {
    Record { partition: 3, ..stored(letter) }
}

#[test]
fn a_letter_of_ours_tells_its_record_and_how_it_failed() {
    let record = record(Some(b"{"));
    let letter = DeadLetter::read(&at_its_place(dead_letter(&record, &failure("no such user")))).unwrap();
    let expected = DeadLetter {
        id: LetterId { topic: "order.created.dlq".to_owned(), partition: 3, offset: 900 },
        original: record,
        error: "no such user".to_owned(),
        dead_at: Some(now()),
        group: Some("query-consumer".to_owned()),
        attempts: Some(6),
        class: Some("failed".to_owned()),
        first_failure: DateTime::from_timestamp_millis(1_795_351_352_000),
    };
    assert_eq!(letter, expected);
}

/// Headers that the record brought along, such as those of an earlier dead letter, say nothing about this one.
#[test]
fn what_a_record_says_itself_is_not_taken_for_what_we_say_of_it() {
    let mut record = record(Some(b"{"));
    record.headers.extend([Header::text("dlq_group", "another"), Header::text("dlq_attempts", "many")]);
    let letter = DeadLetter::read(&at_its_place(dead_letter(&record, &failure("x")))).unwrap();
    assert_eq!((letter.group.as_deref(), letter.attempts), (Some("query-consumer"), Some(6)));
    assert_eq!(letter.original, record);
}

fn go_letter(partition: i32) -> Record {
    let value = include_bytes!("golden/dlq_go.json").to_vec();
    Record { topic: "order.canceled.dlq".to_owned(), partition, offset: 41, ..record(Some(&value)) }
}

#[test]
fn a_go_letter_tells_no_group_and_its_record_has_a_place_of_its_own() {
    let letter = DeadLetter::read(&go_letter(2)).unwrap();
    assert_eq!(
        (letter.error.as_str(), letter.original.topic.as_str()),
        ("failed to process", "order.canceled")
    );
    assert_eq!(letter.dead_at, Some("2026-11-22T12:44:48.123456789Z".parse().unwrap()));
    assert_eq!((letter.group, letter.attempts, letter.class, letter.first_failure), (None, None, None, None));
    // No record that was consumed is at such a place, and no two letters are of one record.
    assert_eq!(letter.original.position(), DeadLetter::read(&go_letter(2)).unwrap().original.position());
    let places: std::collections::BTreeSet<_> = (0..12)
        .map(|partition| {
            let original = DeadLetter::read(&go_letter(partition)).unwrap().original;
            assert!(original.partition < 0);
            (original.partition, original.offset)
        })
        .collect();
    assert_eq!(places.len(), 12);
}

#[test]
fn a_letter_that_does_not_say_when_it_was_written_is_as_old_as_its_record_in_the_queue() {
    for value in [
        r#"{"original_topic":"t","original_event":"{}"}"#,
        r#"{"original_topic":"t","original_event":"{}","timestamp":"yesterday","error_message":""}"#,
    ] {
        let letter = DeadLetter::read(&record(Some(value.as_bytes()))).unwrap();
        assert_eq!(letter.dead_at, DateTime::from_timestamp_millis(1_795_351_351_000));
        assert_eq!(letter.error, "");
    }
}

#[test]
fn garbage_in_a_queue_is_no_letter() {
    let refused = |letter: &Record| DeadLetter::read(letter).unwrap_err();
    assert!(matches!(refused(&record(None)), DlqDecodeError::Empty));
    assert!(matches!(refused(&record(Some(b"\xff"))), DlqDecodeError::Json(_)));
    assert!(matches!(refused(&record(Some(br#"{"original_topic":"t"}"#))), DlqDecodeError::NoOriginal));
    for name in ["dlq_attempts", "dlq_first_failure", "dlq_header_count", "dlq_offset", "dlq_partition"] {
        for wrong in [Some(b"x".to_vec()), Some(vec![0xff]), Some(b"99999999999999999999".to_vec()), None] {
            let mut letter = at_its_place(dead_letter(&record(None), &failure("x")));
            letter.headers.iter_mut().filter(|header| header.name == name).for_each(|header| {
                header.value.clone_from(&wrong);
            });
            assert!(matches!(refused(&letter), DlqDecodeError::Header(header) if header == name), "{name}");
        }
    }
}

#[test]
fn a_letter_is_named_by_its_place_in_the_queue() {
    for text in ["order.paid.dlq/0/12", "shop.order.paid.dlq/11/0", "a/b.dlq/1/9223372036854775807"] {
        assert_eq!(text.parse::<LetterId>().unwrap().to_string(), text);
    }
    for text in [
        "",
        "order.paid/0/12",
        "order.paid.dlq",
        "order.paid.dlq/0",
        "order.paid.dlq/0/",
        "order.paid.dlq/-1/3",
        "order.paid.dlq/1/-3",
        "order.paid.dlq/1/x",
        "order.paid.dlq/99999999999/1",
        "order.paid.dlq/1/2/3",
    ] {
        let refused = text.parse::<LetterId>().unwrap_err();
        assert!(refused.contains(&format!("{text:?} is not a dead letter")), "{refused}");
    }
}

#[test]
fn a_record_is_tried_again_after_1_2_4_8_and_16_seconds_and_then_given_up() {
    for (attempts, seconds) in [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16)] {
        assert_eq!(next_attempt(attempts, now()), Some(now() + TimeDelta::seconds(seconds)));
    }
    for attempts in [0, 6, 7, 64, u32::MAX] {
        assert_eq!(next_attempt(attempts, now()), None);
    }
}

proptest! {
    #[test]
    fn a_letter_says_what_was_written_into_it(record in records(), error in any::<String>()) {
        let letter = DeadLetter::read(&at_its_place(dead_letter(&record, &failure(&error)))).unwrap();
        prop_assert!(error.starts_with(&letter.error));
        prop_assert_eq!(letter.original, record);
    }

    #[test]
    fn no_text_is_two_letters(text in any::<String>()) {
        if let Ok(id) = text.parse::<LetterId>() {
            prop_assert_eq!(id.to_string().parse::<LetterId>(), Ok(id));
        }
    }

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
