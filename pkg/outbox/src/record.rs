//! An outbox row as a record: key, value, CloudEvents headers.

use esteira_bus::{Header, NewRecord};
use esteira_events::{EventType, Topics};
use esteira_telemetry::TraceContext;

use crate::row::OutboxRow;

/// What must stay in order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    Aggregate(String, i64),
    /// A row that names no aggregate, nor does its value: it waits for nobody.
    Row(i64),
}

/// A row that is ready to be sent.
#[derive(Debug)]
pub struct Outgoing {
    pub row: OutboxRow,
    pub key: Key,
    pub topic: String,
    pub event_id: Option<String>,
}

impl Outgoing {
    /// Go's rows name neither aggregate nor event id: both are read from the value.
    pub fn new(row: OutboxRow, topics: &Topics) -> Self {
        let event_type: Option<EventType> = row.event_type.parse().ok();
        let topic = event_type.map_or_else(|| row.event_type.clone(), |event| topics.name(event));
        if let (Some(aggregate), Some(id)) = (&row.aggregate, row.aggregate_id) {
            let (key, event_id) = (Key::Aggregate(aggregate.clone(), id), row.event_id.clone());
            return Self { row, key, topic, event_id };
        }
        match row.event() {
            Ok(event) => {
                let key = Key::Aggregate(event.aggregate().to_string(), event.aggregate_id());
                Self { key, topic, event_id: Some(event.meta.event_id.to_string()), row }
            }
            Err(_) => Self { key: Key::Row(row.id), topic, event_id: row.event_id.clone(), row },
        }
    }

    /// Where the row's command stands in its trace.
    pub fn trace(&self) -> Option<TraceContext> {
        self.row.traceparent.as_deref().and_then(TraceContext::parse)
    }

    /// The record: the aggregate's id in decimal as its key, CloudEvents 1.0 in binary mode as its headers. Its trace goes on
    /// from `span`, or without one from where the row's command stands.
    pub fn record(&self, span: Option<TraceContext>) -> NewRecord {
        let subject = match &self.key {
            Key::Aggregate(_, id) => Some(id.to_string()),
            Key::Row(_) => None,
        };
        NewRecord {
            topic: self.topic.clone(),
            key: subject.clone().map(String::into_bytes),
            value: Some(self.row.value().to_vec()),
            headers: self.headers(subject, span),
        }
    }

    fn headers(&self, subject: Option<String>, span: Option<TraceContext>) -> Vec<Header> {
        let source = match &self.key {
            Key::Aggregate(aggregate, _) => format!("/esteira/{aggregate}s"),
            Key::Row(_) => "/esteira".to_owned(),
        };
        let mut headers = vec![
            Header::text("content-type", "application/json"),
            Header::text("ce_specversion", "1.0"),
            Header::text("ce_type", self.row.event_type.clone()),
            Header::text("ce_source", source),
            Header::text("ce_time", self.row.created_at.to_string()),
        ];
        let optional = [
            ("ce_id", self.event_id.clone()),
            ("ce_subject", subject),
            ("ce_sequence", self.row.sequence.map(|sequence| sequence.to_string())),
            ("traceparent", span.map(|span| span.to_string()).or_else(|| self.row.traceparent.clone())),
        ];
        headers.extend(
            optional.into_iter().filter_map(|(name, value)| value.map(|value| Header::text(name, value))),
        );
        headers
    }
}
