//! The event log as an AsyncAPI 3.0 document: made of the types that are written and read.

mod examples;

use serde_json::{Map, Value, json};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::{
    EventMeta, EventType, OrderCanceled, OrderCreated, OrderDeleted, OrderPaid, OrderUpdated, ProductChanged,
    ProductDeleted, Skipped, StockMoved, StockRejected, Topics, UserChanged, UserDeleted,
};

/// What a topic takes; a queue takes three times as much.
const MAX_MESSAGE_BYTES: u32 = 1_048_588;

const DESCRIPTION: &str = "\
A topic per event type, each with a dead letter queue. Values are JSON and only ever gain fields. The key is the id of the \
aggregate as decimal text, so that the events of one type of an aggregate keep their order; `sequence` orders all of them.";

/// The document; `version` is the platform's.
pub fn asyncapi(version: &str) -> Value {
    let (mut channels, mut operations, mut messages) = (Map::new(), Map::new(), Map::new());
    let mut schemas = schemas();
    for event in EventType::ALL {
        let topic = Topics::default().name(event);
        let queue = Topics::dead_letters(&topic);
        schemas.insert(payload_name(event), payload(event));
        messages.insert(topic.clone(), message(event));
        messages.insert(queue.clone(), dead_letter(event));
        let (all, given_up) =
            (format!("Every {topic} event."), format!("Records of {topic} that were given up."));
        channels.insert(topic.clone(), channel(&topic, &all, MAX_MESSAGE_BYTES));
        channels.insert(queue.clone(), channel(&queue, &given_up, 3 * MAX_MESSAGE_BYTES));
        operations.insert(operation_id(&topic), operation(&topic));
        operations.insert(operation_id(&queue), operation(&queue));
    }
    schemas.insert("DeadLetter".to_owned(), dead_letter_schema());
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Esteira events", "version": version, "description": DESCRIPTION,
            "license": {"name": "MIT", "url": "https://opensource.org/license/mit"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"schemas": schemas, "messages": messages},
    })
}

fn channel(topic: &str, description: &str, max_message_bytes: u32) -> Value {
    let name = topic.replace('.', "_");
    json!({
        "address": topic, "title": topic, "description": description,
        "messages": {name: {"$ref": format!("#/components/messages/{topic}")}},
        "bindings": {"kafka": {
            "topic": topic, "partitions": 3,
            "topicConfiguration": {"retention.ms": -1, "max.message.bytes": max_message_bytes},
        }},
    })
}

fn operation_id(topic: &str) -> String {
    format!("receive_{}", topic.replace('.', "_"))
}

fn operation(topic: &str) -> Value {
    let message = format!("#/channels/{topic}/messages/{}", topic.replace('.', "_"));
    json!({
        "action": "receive", "summary": format!("Reads {topic}."),
        "channel": {"$ref": format!("#/channels/{topic}")}, "messages": [{"$ref": message}],
    })
}

fn message(event: EventType) -> Value {
    let headers = properties(&EVENT_HEADERS, &[]);
    json!({
        "name": event.as_str(), "title": event.as_str(), "contentType": "application/json",
        "summary": format!("A {event} event."),
        "headers": headers,
        "payload": {"$ref": format!("#/components/schemas/{}", payload_name(event))},
        "bindings": {"kafka": {"key": key(event)}},
        "examples": examples::of(event),
    })
}

fn dead_letter(event: EventType) -> Value {
    let names: Vec<_> = EVENT_HEADERS.iter().chain(&QUEUE_HEADERS).copied().collect();
    let headers = properties(&names, &["dlq_partition", "dlq_offset", "dlq_group", "dlq_error_class"]);
    json!({
        "name": format!("{event}.dlq"), "title": format!("{event}.dlq"), "contentType": "application/json",
        "summary": format!("A record of {event} that was given up, with its key and headers as they were."),
        "headers": headers,
        "payload": {"$ref": "#/components/schemas/DeadLetter"},
        "bindings": {"kafka": {"key": key(event)}},
        "examples": [examples::dead_letter(event)],
    })
}

fn key(event: EventType) -> Value {
    let of = if event == EventType::StockRejected { "order" } else { event.aggregate().as_str() };
    json!({"type": "string", "pattern": "^[0-9]+$", "description": format!("The {of}'s id"), "examples": ["7"]})
}

/// Name and what it says.
type Header = (&'static str, &'static str);

/// CloudEvents in binary mode. Records of the Go services have none of them.
const EVENT_HEADERS: [Header; 9] = [
    ("content-type", "`application/json`"),
    ("ce_specversion", "CloudEvents, `1.0`"),
    ("ce_id", "The `event_id`"),
    ("ce_type", "The event type"),
    ("ce_source", "`/esteira/` and what it happened to"),
    ("ce_subject", "The aggregate's id"),
    ("ce_time", "When it was recorded"),
    ("ce_sequence", "The `sequence`"),
    ("traceparent", "The W3C trace context of the command"),
];

const QUEUE_HEADERS: [Header; 8] = [
    ("dlq_partition", "Where the record stood"),
    ("dlq_offset", "Where the record stood"),
    ("dlq_timestamp", "The record's timestamp, in milliseconds since 1970"),
    ("dlq_group", "The consumer group that gave up"),
    ("dlq_attempts", "How often it was tried"),
    ("dlq_error_class", "`undecodable` or `failed`"),
    ("dlq_first_failure", "When it failed first, in milliseconds since 1970"),
    ("dlq_header_count", "How many headers, from the first, are the record's own"),
];

fn properties(headers: &[Header], required: &[&str]) -> Value {
    let property =
        |(name, says): &Header| ((*name).to_owned(), json!({"type": "string", "description": says}));
    json!({"type": "object", "properties": headers.iter().map(property).collect::<Map<_, _>>(), "required": required})
}

fn payload_name(event: EventType) -> String {
    format!("{}.payload", event.as_str())
}

/// The envelope with the event's fields, or with what stands in the place of one that was skipped.
fn payload(event: EventType) -> Value {
    let fields = match event {
        EventType::UserCreated | EventType::UserUpdated => UserChanged::name(),
        EventType::UserDeleted => UserDeleted::name(),
        EventType::ProductCreated | EventType::ProductUpdated => ProductChanged::name(),
        EventType::ProductDeleted => ProductDeleted::name(),
        EventType::StockReserved | EventType::StockReleased => StockMoved::name(),
        EventType::StockRejected => StockRejected::name(),
        EventType::OrderCreated => OrderCreated::name(),
        EventType::OrderUpdated => OrderUpdated::name(),
        EventType::OrderPaid => OrderPaid::name(),
        EventType::OrderCanceled => OrderCanceled::name(),
        EventType::OrderDeleted => OrderDeleted::name(),
    };
    let named = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    json!({"allOf": [named("EventMeta"), {"anyOf": [named(&fields), named("Skipped")]}]})
}

fn dead_letter_schema() -> Value {
    json!({
        "type": "object",
        "description": "What was given up, and why. The original comes back byte for byte.",
        "properties": {
            "original_topic": {"type": "string"},
            "error_message": {"type": "string"},
            "timestamp": {"type": "string", "format": "date-time"},
            "original_event": {"type": ["string", "null"], "description": "The value; null where there was none, or where it is in `original_event_base64`"},
            "original_event_base64": {"type": "string", "description": "The value, where it is not text"},
        },
        "required": ["original_topic", "error_message", "timestamp", "original_event"],
    })
}

fn schemas() -> Map<String, Value> {
    let mut found: Vec<(String, RefOr<Schema>)> = Vec::new();
    collect::<EventMeta>(&mut found);
    collect::<UserChanged>(&mut found);
    collect::<UserDeleted>(&mut found);
    collect::<ProductChanged>(&mut found);
    collect::<ProductDeleted>(&mut found);
    collect::<StockMoved>(&mut found);
    collect::<StockRejected>(&mut found);
    collect::<OrderCreated>(&mut found);
    collect::<OrderUpdated>(&mut found);
    collect::<OrderPaid>(&mut found);
    collect::<OrderCanceled>(&mut found);
    collect::<OrderDeleted>(&mut found);
    collect::<Skipped>(&mut found);
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found.into_iter().map(|(name, schema)| (name, json!(schema))).collect()
}

fn collect<T: ToSchema + PartialSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}
