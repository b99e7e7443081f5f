//! What is told of a wave: a span and a log line for each event, in its own trace.

use esteira_bus::{Operation, Position, PublishError, describe_place};
use esteira_outbox::Outgoing;
use esteira_telemetry::{BatchSpans, SpanKind, TraceContext};

use crate::Dispatcher;

impl Dispatcher {
    /// A span for each event, from which its record's trace goes on.
    pub(crate) fn spans(&self, wave: &[Outgoing]) -> BatchSpans {
        let parents = wave.iter().map(Outgoing::trace);
        let mut spans = BatchSpans::begin("publish", &SpanKind::Producer, "dispatcher", parents);
        let operation = Operation { name: "publish", kind: "send", system: self.log.system() };
        for (index, outgoing) in wave.iter().enumerate() {
            if let Some(span) = spans.part(index) {
                let key = outgoing.row.aggregate_id.map(|id| id.to_string());
                let key = key.as_deref().map(str::as_bytes);
                operation.describe(span, &outgoing.topic, key, outgoing.event_id.as_deref());
            }
        }
        spans
    }
}

/// Ends `spans` with what became of the records.
pub(crate) fn end(mut spans: BatchSpans, results: &[Result<Position, PublishError>]) {
    for (index, result) in results.iter().enumerate() {
        if let Some(span) = spans.part(index) {
            match result {
                Ok(at) => describe_place(span, *at),
                Err(error) => span.fail(error.to_string()),
            }
        }
    }
    spans.end();
}

/// A line for each record that the log has.
pub(crate) fn log(wave: &[Outgoing], results: &[Result<Position, PublishError>]) {
    for (outgoing, result) in wave.iter().zip(results) {
        if let Ok(at) = result {
            tracing::debug!(
                topic = %outgoing.topic, partition = at.partition, offset = at.offset, event_id = outgoing.event_id,
                trace_id = outgoing.trace().map(TraceContext::log_id), "event published"
            );
        }
    }
}
