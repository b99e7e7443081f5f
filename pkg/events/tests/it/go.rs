//! Records as the Go services published them.

use esteira_events::{AggregateKind, Event, Payload, Topics};
use serde_json::Value;

fn records() -> Vec<(String, Value)> {
    let recorded: Vec<Value> = serde_json::from_str(include_str!("../../golden/go-records.json")).unwrap();
    recorded
        .into_iter()
        .map(|mut record| (record["topic"].as_str().unwrap().to_owned(), record["value"].take()))
        .collect()
}

#[test]
fn every_record_of_the_go_services_is_read() {
    let records = records();
    assert_eq!(records.len(), 7);
    for (topic, value) in records {
        let event_type = Topics::default().event_type(&topic).unwrap();
        let event = Event::decode(event_type, Some(value.to_string().as_bytes())).unwrap();
        assert_eq!(event.meta.event_id.to_string(), value["event_id"].as_str().unwrap(), "{topic}");
        assert_eq!(event.meta.sequence, None, "{topic}");
        assert_eq!(event.sequence(), event_type.is_creation().then_some(1), "{topic}");
        assert_eq!(event.meta.schema_version, 1, "{topic}");
        assert_eq!(event.meta.occurred_at.to_string()[..23], value["occurred_at"].as_str().unwrap()[..23]);
    }
}

#[test]
fn the_key_is_read_from_the_value_because_gos_is_a_clock() {
    let expected = [
        ("product.created", AggregateKind::Product, 1),
        ("order.canceled", AggregateKind::Order, 7),
        ("user.created", AggregateKind::User, 2),
        ("stock.reserved", AggregateKind::Product, 1),
        ("order.created", AggregateKind::Order, 2),
        ("product.updated", AggregateKind::Product, 2),
        ("order.paid", AggregateKind::Order, 2),
    ];
    for ((topic, value), (name, kind, id)) in records().into_iter().zip(expected) {
        let event = Event::decode(topic.parse().unwrap(), Some(value.to_string().as_bytes())).unwrap();
        assert_eq!((topic.as_str(), event.aggregate(), event.aggregate_id()), (name, kind, id));
    }
}

#[test]
fn a_fraction_of_a_cent_that_gos_doubles_left_is_rounded() {
    let value = r#"{"event_id": "a99f1a47-035b-4d94-8d80-2a9e648a799c", "occurred_at": "2026-11-22T12:43:01Z",
        "product": {"id": 2, "name": "Mouse", "price": 269.70000000000005, "stock": 5}}"#;
    let event = Event::decode("product.updated".parse().unwrap(), Some(value.as_bytes())).unwrap();
    let Payload::ProductUpdated(updated) = event.payload else { panic!("{event:?}") };
    assert_eq!(updated.product.price.cents(), 26_970);
}
