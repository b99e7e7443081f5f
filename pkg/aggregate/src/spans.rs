//! What is told of a command: a span from its handing in to its answer, in its own trace.

use esteira_telemetry::{BatchSpans, Span, SpanKind};

use crate::batch::CommandResult;
use crate::executor::outcome;
use crate::service::{Cause, CommandError, Service};

/// Begins a command's span; none where nobody records it.
pub(crate) fn begin<S: Service>(cause: &Cause) -> Option<Span> {
    Span::child(cause.trace?, SpanKind::Internal, S::NAME)
}

/// Ends `spans` with what the commands are answered.
pub(crate) fn end<S: Service>(mut spans: BatchSpans, answers: &[CommandResult<S>]) {
    for (index, answer) in answers.iter().enumerate() {
        if let Some(span) = spans.part(index) {
            describe::<S>(span, answer);
        }
    }
    spans.end();
}

fn describe<S: Service>(span: &mut Span, answer: &CommandResult<S>) {
    span.name("command");
    span.set("esteira.outcome", outcome::<S>(answer));
    if let Err(error @ (CommandError::Unavailable | CommandError::Internal | CommandError::Contended)) =
        answer
    {
        span.fail(error.to_string());
    }
}
