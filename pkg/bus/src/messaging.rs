//! Records as spans tell them: OpenTelemetry's conventions for messaging.

use esteira_telemetry::{Span, TraceContext, TraceId};
use tracing::field::DisplayValue;

use crate::{Position, Record};

/// What is done with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// `publish`, `process`, `project`: the span is named by it and the topic.
    pub name: &'static str,
    /// `send` or `process`.
    pub kind: &'static str,
    /// [`crate::Log::system`].
    pub system: &'static str,
}

impl Operation {
    /// Says in `span` what is done with a record of `topic`.
    pub fn describe(self, span: &mut Span, topic: &str, key: Option<&[u8]>, event_id: Option<&str>) {
        span.name(format!("{} {topic}", self.name));
        span.set("messaging.system", self.system);
        span.set("messaging.operation.name", self.name);
        span.set("messaging.operation.type", self.kind);
        span.set("messaging.destination.name", topic.to_owned());
        if let Some(key) = key {
            span.set("messaging.kafka.message.key", String::from_utf8_lossy(key).into_owned());
        }
        if let Some(id) = event_id {
            span.set("messaging.message.id", id.to_owned());
        }
    }

    /// Says in `span` that a member of `group` does it with `record`.
    pub fn describe_consumed(self, span: &mut Span, group: &str, record: &Record) {
        self.describe(span, &record.topic, record.key.as_deref(), record.header("ce_id"));
        describe_place(span, record.position());
        span.set("messaging.consumer.group.name", group.to_owned());
    }
}

/// Says in `span` where the record is.
pub fn describe_place(span: &mut Span, at: Position) {
    span.set("messaging.destination.partition.id", at.partition.to_string());
    span.set("messaging.kafka.offset", at.offset);
}

impl Record {
    /// The trace that the record's event belongs to.
    pub fn trace(&self) -> Option<TraceContext> {
        self.header("traceparent").and_then(TraceContext::parse)
    }

    /// As log lines have it.
    pub fn trace_id(&self) -> Option<DisplayValue<TraceId>> {
        self.trace().map(TraceContext::log_id)
    }
}
