//! What is told of a batch of events: a span and a log line for each, in its own trace.

use std::time::SystemTime;

use esteira_bus::Operation;
use esteira_telemetry::{BatchSpans, SpanKind};

use crate::gate::Verdict;
use crate::incoming::Incoming;
use crate::projector::Projector;

impl Projector {
    /// Spans of events that have passed the gate, since `started`.
    pub(crate) fn spans<'a>(
        &self,
        started: SystemTime,
        passed: impl Iterator<Item = (&'a Incoming, &'a Verdict)> + Clone,
    ) -> BatchSpans {
        let passed = passed.filter(|passed| !is_looked_at_again(*passed));
        let parents = passed.clone().map(|(incoming, _)| incoming.record.trace());
        let mut spans = BatchSpans::begin("project", &SpanKind::Consumer, "projector", parents);
        spans.since(started);
        let operation = Operation { name: "project", kind: "process", system: self.log.system() };
        for (index, (incoming, verdict)) in passed.enumerate() {
            if let Some(span) = spans.part(index) {
                operation.describe_consumed(span, &self.group, &incoming.record);
                span.set("esteira.outcome", name(verdict));
                if let Verdict::Failed(_) = verdict {
                    // Its error may quote the event, and with it a person.
                    span.fail(name(verdict));
                }
            }
            log(incoming, verdict);
        }
        spans
    }
}

fn log(Incoming { record, event, .. }: &Incoming, verdict: &Verdict) {
    tracing::debug!(
        topic = %record.topic, partition = record.partition, offset = record.offset, event_id = %event.meta.event_id,
        outcome = name(verdict), trace_id = record.trace_id(), "event projected"
    );
}

fn name(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Applied => "applied",
        Verdict::Skipped => "skipped",
        Verdict::Early => "parked",
        Verdict::Failed(_) => "failed",
    }
}

/// A waiting event is looked at every few seconds; that it still waits is no news.
fn is_looked_at_again((incoming, verdict): (&Incoming, &Verdict)) -> bool {
    *verdict == Verdict::Early && incoming.parked.as_ref().is_some_and(|parked| parked.waits)
}
