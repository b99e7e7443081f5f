//! `golden/v1`: how version 1 of every event is written. Files are added, never changed.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use esteira_events::{Event, EventType, SCHEMA_VERSION};
use serde_json::Value;

use crate::samples;

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("golden/v{SCHEMA_VERSION}"))
}

fn golden(name: &str) -> Vec<u8> {
    let path = directory().join(format!("{name}.json"));
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_event_is_written_as_its_golden_file() {
    for sample in samples::all() {
        let written: Value = serde_json::from_str(&sample.event.encode().unwrap()).unwrap();
        let expected: Value = serde_json::from_slice(&golden(&sample.name)).unwrap();
        assert_eq!(written, expected, "{}", sample.name);
    }
}

#[test]
fn every_golden_file_is_read_as_its_event() {
    for sample in samples::all() {
        let read = Event::decode(sample.event.event_type(), Some(&golden(&sample.name))).unwrap();
        assert_eq!(read, sample.event, "{}", sample.name);
    }
}

#[test]
fn there_is_a_golden_file_for_every_event_and_no_other() {
    let expected: BTreeSet<String> =
        samples::all().into_iter().map(|sample| format!("{}.json", sample.name)).collect();
    let found =
        fs::read_dir(directory()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(found.collect::<BTreeSet<_>>(), expected);
    assert!(EventType::ALL.iter().all(|event_type| expected.contains(&format!("{event_type}.json"))));
}

#[test]
fn fields_that_a_newer_writer_adds_are_ignored() {
    for sample in samples::all() {
        let mut value: Value = serde_json::from_slice(&golden(&sample.name)).unwrap();
        add_fields(&mut value);
        let read = Event::decode(sample.event.event_type(), Some(value.to_string().as_bytes())).unwrap();
        assert_eq!(read, sample.event, "{}", sample.name);
    }
}

fn add_fields(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(add_fields);
            fields.insert("added_later".to_owned(), serde_json::json!({ "deep": [1, null] }));
        }
        Value::Array(items) => items.iter_mut().for_each(add_fields),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
