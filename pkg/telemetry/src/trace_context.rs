//! W3C trace context: which trace a request or an event belongs to.

use std::fmt;

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};
use tracing::field::DisplayValue;

use crate::export;

/// A place in a trace: what a `traceparent` says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TraceContext {
    trace_id: TraceId,
    span_id: SpanId,
    flags: TraceFlags,
}

/// The flags that are known: sampled, and that the trace's id is random.
const KNOWN_FLAGS: u8 = 0b11;

tokio::task_local! {
    static CURRENT: TraceContext;
}

impl TraceContext {
    /// A valid `traceparent`, of this version of the format or a later one (Trace Context, 3.2.2); else `None`, since an
    /// invalid one is as none.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = |part: &str, length: usize| {
            part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        let mut parts = text.splitn(5, '-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_known = hex(version, 2) && version != "ff" && (parts.next().is_none() || version != "00");
        if !(is_known && hex(trace, 32) && hex(span, 16) && hex(flags, 2)) {
            return None;
        }
        let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()? & KNOWN_FLAGS);
        let (trace_id, span_id) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
        (trace_id != TraceId::INVALID && span_id != SpanId::INVALID).then_some(Self {
            trace_id,
            span_id,
            flags,
        })
    }

    /// The beginning of a new trace, sampled as the settings have it; not at all where nothing is exported.
    pub fn root() -> Self {
        let trace_id = RandomIdGenerator::default().new_trace_id();
        let is_recorded = export::installed().is_some_and(|export| export.samples(trace_id));
        let flags = TraceFlags::default().with_sampled(is_recorded);
        Self { trace_id, span_id: new_span_id(), flags }
    }

    /// The same place, in a trace that nobody records.
    #[must_use]
    pub fn unsampled(self) -> Self {
        Self { flags: self.flags.with_sampled(false), ..self }
    }

    /// The beginning of a trace that is recorded because others are.
    pub(crate) fn sampled_root() -> Self {
        Self { flags: TraceFlags::SAMPLED, ..Self::root() }
    }

    /// A further span of the same trace.
    pub(crate) fn child(self) -> Self {
        Self { span_id: new_span_id(), ..self }
    }

    pub fn trace_id(self) -> TraceId {
        self.trace_id
    }

    /// The trace's id as the field `trace_id` of a log line about something that is not a request's.
    pub fn log_id(self) -> DisplayValue<TraceId> {
        tracing::field::display(self.trace_id)
    }

    pub(crate) fn span_id(self) -> SpanId {
        self.span_id
    }

    /// Whether the trace is recorded, by those who record any.
    pub fn is_sampled(self) -> bool {
        self.flags.is_sampled()
    }

    pub(crate) fn to_otel(self, is_remote: bool) -> SpanContext {
        SpanContext::new(self.trace_id, self.span_id, self.flags, is_remote, TraceState::NONE)
    }

    /// The trace that the code now running works for: a request's.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|current| *current).ok()
    }

    /// Does `work` for this trace: its log lines carry the `trace_id`.
    pub async fn scope<W: Future>(self, work: W) -> W::Output {
        CURRENT.scope(self, work).await
    }
}

/// The `traceparent`.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace_id, self.span_id, self.flags)
    }
}

fn new_span_id() -> SpanId {
    RandomIdGenerator::default().new_span_id()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_valid_traceparent_comes_out_as_it_went_in() {
        let context = TraceContext::parse(VALID).unwrap();
        assert_eq!(context.to_string(), VALID);
        assert_eq!(context.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert!(context.is_sampled());
        let unsampled = VALID.replace("-01", "-00");
        assert!(!TraceContext::parse(&unsampled).unwrap().is_sampled());
    }

    #[test]
    fn a_later_version_is_read_as_this_one() {
        let later = format!("01{}-more", &VALID[2..]);
        assert_eq!(TraceContext::parse(&later).unwrap().to_string(), VALID);
        let flags = VALID.replace("-01", "-ff");
        assert!(TraceContext::parse(&flags).unwrap().to_string().ends_with("-03"));
    }

    #[test]
    fn an_invalid_traceparent_is_as_none() {
        let invalid = [
            "",
            "00",
            &VALID[..54],
            &format!("{VALID}-more"),
            &format!("ff{}", &VALID[2..]),
            &VALID.to_uppercase(),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
        ];
        for text in invalid {
            assert_eq!(TraceContext::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_child_is_another_span_of_the_same_trace() {
        let parent = TraceContext::parse(VALID).unwrap();
        let child = parent.child();
        assert_eq!((child.trace_id(), child.is_sampled()), (parent.trace_id(), true));
        assert_ne!(child.span_id(), parent.span_id());
    }

    #[test]
    fn new_traces_differ_and_are_valid() {
        let (one, two) = (TraceContext::root(), TraceContext::root());
        assert_ne!(one.trace_id(), two.trace_id());
        assert_eq!(TraceContext::parse(&one.to_string()), Some(one));
    }
}
