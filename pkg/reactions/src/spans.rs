//! What is told of a batch of events: a span and a log line for each, in its own trace.

use esteira_bus::Operation;
use esteira_telemetry::{BatchSpans, SpanKind};

use crate::React;
use crate::reactions::{Reaction, Reactions, Unanswered, Work};

impl<S: React> Reactions<S> {
    /// A span for each event; the trace goes on from it in whatever the reaction causes.
    pub(crate) fn spans(&self, work: &[Work<'_>]) -> BatchSpans {
        let parents = work.iter().map(|work| work.record.trace());
        let mut spans = BatchSpans::begin("process", &SpanKind::Consumer, S::NAME, parents);
        let operation = Operation { name: "process", kind: "process", system: self.log.system() };
        for (index, work) in work.iter().enumerate() {
            if let Some(span) = spans.part(index) {
                operation.describe_consumed(span, &self.group, work.record);
            }
        }
        spans
    }
}

fn outcome(reaction: &Result<Reaction, Unanswered>) -> &'static str {
    match reaction {
        Ok(Reaction::Done) => "done",
        Ok(Reaction::Undecodable(_)) => "undecodable",
        Ok(Reaction::Failed(_)) => "failed",
        Ok(Reaction::Contended) => "contended",
        Err(Unanswered::Outage(_)) => "outage",
        Err(Unanswered::Postponed) => "postponed",
    }
}

/// Ends `spans` with what became of the events.
pub(crate) fn end(mut spans: BatchSpans, reactions: &[Result<Reaction, Unanswered>]) {
    for (index, reaction) in reactions.iter().enumerate() {
        if let Some(span) = spans.part(index) {
            span.set("esteira.outcome", outcome(reaction));
            match reaction {
                // An error may quote the event, and with it a person.
                Ok(Reaction::Undecodable(_) | Reaction::Failed(_)) => span.fail(outcome(reaction)),
                Err(Unanswered::Outage(outage)) => span.fail(outage.to_string()),
                Ok(Reaction::Done | Reaction::Contended) | Err(Unanswered::Postponed) => {}
            }
        }
    }
    spans.end();
}

pub(crate) fn log(group: &str, work: &[Work<'_>], reactions: &[Result<Reaction, Unanswered>]) {
    for (Work { record, .. }, reaction) in work.iter().zip(reactions) {
        tracing::debug!(
            group, topic = %record.topic, partition = record.partition, offset = record.offset,
            outcome = outcome(reaction), trace_id = record.trace_id(), "event processed"
        );
    }
}
