//! What is no event is an error, and never a panic.

use esteira_events::{DecodeError, Event, EventType, Payload};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::samples;

/// A sample of `event_type` with `field` set to `value`, or removed.
fn decoded_with(event_type: EventType, field: &str, value: Option<Value>) -> Result<Event, DecodeError> {
    let sample = samples::all().into_iter().find(|sample| sample.event.event_type() == event_type).unwrap();
    sample_with(&sample.event, field, value)
}

fn sample_with(sample: &Event, field: &str, value: Option<Value>) -> Result<Event, DecodeError> {
    let event_type = sample.event_type();
    let mut event: Value = serde_json::from_str(&sample.encode().unwrap()).unwrap();
    match value {
        Some(value) => event[field] = value,
        None => drop(event.as_object_mut().unwrap().remove(field)),
    }
    Event::decode(event_type, Some(event.to_string().as_bytes()))
}

#[test]
fn a_tombstone_is_no_event() {
    for event_type in EventType::ALL {
        assert!(matches!(Event::decode(event_type, None), Err(DecodeError::Tombstone)));
        assert!(matches!(Event::decode(event_type, Some(b"")), Err(DecodeError::Json { .. })));
    }
}

#[test]
fn a_newer_schema_is_not_guessed_at() {
    for event_type in EventType::ALL {
        assert!(matches!(
            decoded_with(event_type, "schema_version", Some(json!(2))),
            Err(DecodeError::NewerSchema(2))
        ));
        let beyond = decoded_with(event_type, "schema_version", Some(json!(u64::MAX)));
        assert!(matches!(beyond, Err(DecodeError::Json { .. })));
    }
}

#[test]
fn a_sequence_begins_with_one() {
    for event_type in EventType::ALL {
        for sequence in [0, -1, i64::MIN] {
            let refused = decoded_with(event_type, "sequence", Some(json!(sequence)));
            assert!(matches!(refused, Err(DecodeError::Sequence(found)) if found == sequence));
        }
        for wrong in [json!("1"), json!(1.5), json!(u64::MAX), json!([1])] {
            let refused = decoded_with(event_type, "sequence", Some(wrong));
            assert!(matches!(refused, Err(DecodeError::Json { .. })));
        }
        assert_eq!(decoded_with(event_type, "sequence", Some(json!(1))).unwrap().meta.sequence, Some(1));
        assert_eq!(decoded_with(event_type, "sequence", Some(Value::Null)).unwrap().meta.sequence, None);
    }
}

#[test]
fn an_envelope_needs_an_id_and_a_time() {
    for event_type in EventType::ALL {
        for field in ["event_id", "occurred_at"] {
            for wrong in [None, Some(json!("soon")), Some(json!(7)), Some(Value::Null)] {
                assert!(matches!(decoded_with(event_type, field, wrong), Err(DecodeError::Json { .. })));
            }
        }
    }
}

#[test]
fn every_field_of_a_payload_has_its_type() {
    for sample in samples::all() {
        let event: Value = serde_json::from_str(&sample.event.encode().unwrap()).unwrap();
        let envelope = ["event_id", "occurred_at", "sequence", "schema_version"];
        let fields = event.as_object().unwrap().keys().filter(|field| !envelope.contains(&field.as_str()));
        for field in fields {
            let refused = sample_with(&sample.event, field, Some(json!({ "wrong": [true] })));
            assert!(matches!(refused, Err(DecodeError::Json { .. })), "{} {field}", sample.name);
        }
    }
}

#[test]
fn an_event_of_another_topic_is_no_event_of_this_one() {
    let paid = decoded_with(EventType::OrderPaid, "x", None).unwrap().encode().unwrap();
    for event_type in [EventType::UserCreated, EventType::OrderCreated, EventType::StockReserved] {
        assert!(matches!(Event::decode(event_type, Some(paid.as_bytes())), Err(DecodeError::Json { .. })));
    }
}

#[test]
fn a_skipped_event_is_of_the_topic_that_it_stands_on() {
    for event_type in EventType::ALL {
        let skipped = samples::skipped(event_type).event;
        let value = skipped.encode().unwrap();
        assert_eq!(value, samples::skipped(EventType::OrderPaid).event.encode().unwrap());
        let read = Event::decode(event_type, Some(value.as_bytes())).unwrap();
        assert_eq!(read, skipped);
        assert_eq!((read.event_type(), read.aggregate_id(), read.sequence()), (event_type, 7, Some(3)));
    }
}

#[test]
fn what_is_no_event_is_told_of_as_if_there_were_no_skipped_ones() {
    for event_type in EventType::ALL {
        let error = |field: &str, value: Option<Value>| {
            decoded_with(event_type, field, value).map_or_else(|error| error.to_string(), |_| String::new())
        };
        let sample =
            samples::all().into_iter().find(|sample| sample.event.event_type() == event_type).unwrap();
        let event: Value = serde_json::from_str(&sample.event.encode().unwrap()).unwrap();
        let first = event.as_object().unwrap().keys().find(|name| {
            ["user", "user_id", "product", "product_id", "order", "order_id"].contains(&name.as_str())
        });
        let first = first.unwrap();
        let missing = error(first, None);
        assert!(
            missing.starts_with(&format!("not a {event_type} event: missing field `{first}`")),
            "{missing}"
        );
        let wrong = error(first, Some(json!([true])));
        assert!(wrong.contains("invalid"), "{wrong}");
    }
    for no_skip in [json!({}), json!({"aggregate_id": 7}), json!({"aggregate_id": "7", "reason": "x"})] {
        let mut value: Value =
            serde_json::from_str(&samples::skipped(EventType::OrderPaid).event.encode().unwrap()).unwrap();
        value["skipped"] = no_skip;
        let refused = Event::decode(EventType::OrderPaid, Some(value.to_string().as_bytes())).unwrap_err();
        assert!(refused.to_string().contains("missing field `order_id`"), "{refused}");
    }
}

#[test]
fn an_event_that_says_skipped_too_is_that_event() {
    let skipped = json!({"aggregate_id": 9, "reason": "x"});
    let paid = decoded_with(EventType::OrderPaid, "skipped", Some(skipped)).unwrap();
    assert!(matches!(paid.payload, Payload::OrderPaid(_)));
}

/// Any JSON, with the names that events have among its fields.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!("2026-11-22T12:43:01Z")),
        Just(json!("a99f1a47-035b-4d94-8d80-2a9e648a799c")),
    ];
    let name = prop::sample::select(vec![
        "event_id",
        "occurred_at",
        "sequence",
        "schema_version",
        "user",
        "product",
        "order",
        "id",
        "name",
        "email",
        "price",
        "stock",
        "order_id",
        "product_id",
        "user_id",
        "quantity",
        "items",
        "status",
        "reason",
        "total_amount",
        "unit_price",
        "requested",
        "available",
        "skipped",
        "aggregate_id",
    ]);
    leaf.prop_recursive(4, 64, 12, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name.clone().prop_map(str::to_owned), inner, 0..12)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        for event_type in EventType::ALL {
            prop_assert!(Event::decode(event_type, Some(&bytes)).is_err());
        }
    }

    #[test]
    fn arbitrary_json_never_panics_and_what_is_read_is_written_alike(json in any_json()) {
        for event_type in EventType::ALL {
            if let Ok(event) = Event::decode(event_type, Some(json.to_string().as_bytes())) {
                let again = event.encode().unwrap();
                prop_assert_eq!(Event::decode(event_type, Some(again.as_bytes())).unwrap(), event);
            }
        }
    }

    #[test]
    fn a_damaged_event_never_panics(which in 0..100_usize, at in any::<usize>(), byte in any::<u8>(), cut in any::<bool>()) {
        let samples = samples::all();
        let sample = &samples[which % samples.len()];
        let mut bytes = sample.event.encode().unwrap().into_bytes();
        let at = at % bytes.len();
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        let decoded = Event::decode(sample.event.event_type(), Some(&bytes));
        prop_assert!(decoded.is_err() || !cut);
    }
}
