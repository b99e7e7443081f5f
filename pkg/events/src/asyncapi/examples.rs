//! The golden files as examples.

use serde_json::{Value, json};

use crate::EventType;

macro_rules! golden {
    ($name:literal) => {
        include_str!(concat!("../../golden/v1/", $name, ".json"))
    };
}

#[expect(clippy::match_same_arms, reason = "a file an event, whatever is in it")]
fn golden(event: EventType) -> &'static str {
    match event {
        EventType::UserCreated => golden!("user.created"),
        EventType::UserUpdated => golden!("user.updated"),
        EventType::UserDeleted => golden!("user.deleted"),
        EventType::ProductCreated => golden!("product.created"),
        EventType::ProductUpdated => golden!("product.updated"),
        EventType::ProductDeleted => golden!("product.deleted"),
        EventType::StockReserved => golden!("stock.reserved"),
        EventType::StockReleased => golden!("stock.released"),
        EventType::StockRejected => golden!("stock.rejected"),
        EventType::OrderCreated => golden!("order.created"),
        EventType::OrderUpdated => golden!("order.updated"),
        EventType::OrderPaid => golden!("order.paid"),
        EventType::OrderCanceled => golden!("order.canceled"),
        EventType::OrderDeleted => golden!("order.deleted"),
    }
}

pub(super) fn of(event: EventType) -> Value {
    let example =
        |name: &str, text: &str| json!({"name": name, "headers": headers(event), "payload": json(text)});
    json!([example("event", golden(event)), example("skipped", golden!("skipped"))])
}

pub(super) fn dead_letter(event: EventType) -> Value {
    let mut headers = headers(event);
    for (name, value) in [
        ("dlq_partition", "1"),
        ("dlq_offset", "41"),
        ("dlq_group", "query-consumer"),
        ("dlq_attempts", "5"),
        ("dlq_error_class", "failed"),
        ("dlq_first_failure", "1795351380990"),
        ("dlq_header_count", "9"),
    ] {
        headers[name] = json!(value);
    }
    let payload = json!({
        "original_topic": event.as_str(), "error_message": "a document of another shape",
        "timestamp": "2026-11-22T12:43:32Z", "original_event": json(golden(event)).to_string(),
    });
    json!({"name": "given_up", "headers": headers, "payload": payload})
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("golden files are JSON")
}

fn headers(event: EventType) -> Value {
    let value = json(golden(event));
    json!({
        "content-type": "application/json", "ce_specversion": "1.0", "ce_id": value["event_id"],
        "ce_type": event.as_str(), "ce_source": format!("/esteira/{}s", event.aggregate()), "ce_subject": "7",
        "ce_time": value["occurred_at"], "ce_sequence": value["sequence"].to_string(),
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    })
}
