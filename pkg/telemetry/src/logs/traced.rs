//! Log lines with the trace that they belong to.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Format, Full, Json, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::TraceContext;

/// Lines for people, with the field `trace_id` at the end.
pub(super) struct PrettyTraced(pub(super) Format<Full>);

/// JSON lines, with the member `trace_id` beside the others.
pub(super) struct JsonTraced(pub(super) Format<Json>);

impl<S, N> FormatEvent<S, N> for PrettyTraced
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let Some(trace) = trace_of(event) else { return self.0.format_event(ctx, to, event) };
        let mut line = String::new();
        let ansi = to.has_ansi_escapes();
        self.0.clone().with_ansi(ansi).format_event(ctx, Writer::new(&mut line), event)?;
        writeln!(to, "{} trace_id={}", line.trim_end_matches('\n'), trace.trace_id())
    }
}

impl<S, N> FormatEvent<S, N> for JsonTraced
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let Some(trace) = trace_of(event) else { return self.0.format_event(ctx, to, event) };
        let mut line = String::new();
        self.0.format_event(ctx, Writer::new(&mut line), event)?;
        // A flattened event is one object, which ends the line.
        let object = line.trim_end().strip_suffix('}').ok_or(fmt::Error)?;
        writeln!(to, "{object},\"trace_id\":\"{}\"}}", trace.trace_id())
    }
}

/// The trace that the event happened in, unless it names one itself.
fn trace_of(event: &Event<'_>) -> Option<TraceContext> {
    TraceContext::current().filter(|_| event.metadata().fields().field("trace_id").is_none())
}
