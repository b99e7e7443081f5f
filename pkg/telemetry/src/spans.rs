//! Spans, built only where they are exported and their trace is sampled.

use std::borrow::Cow;
use std::time::SystemTime;

use opentelemetry::trace::{Link, SpanId, Status};
use opentelemetry::{Key, KeyValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use crate::export;
use crate::trace_context::TraceContext;

pub use opentelemetry::trace::SpanKind;

/// The most links of one span, as OpenTelemetry limits them; more are counted.
const MOST_LINKS: usize = 128;

/// A piece of work of a trace, until it ends. One that is dropped instead is not recorded.
#[derive(Debug)]
pub struct Span {
    context: TraceContext,
    parent: Option<TraceContext>,
    name: Cow<'static, str>,
    kind: SpanKind,
    started: SystemTime,
    attributes: Vec<KeyValue>,
    links: SpanLinks,
    status: Status,
}

impl Span {
    /// Begins a span under `parent`; `None` where nobody records it.
    pub fn child(parent: TraceContext, kind: SpanKind, role: &'static str) -> Option<Self> {
        is_recorded(parent).then(|| Self::new(parent.child(), Some(parent), kind, role))
    }

    /// Begins the first span of a trace, with the ids of `context`; `None` where nobody records it.
    pub fn first(context: TraceContext, kind: SpanKind, role: &'static str) -> Option<Self> {
        is_recorded(context).then(|| Self::new(context, None, kind, role))
    }

    fn new(context: TraceContext, parent: Option<TraceContext>, kind: SpanKind, role: &'static str) -> Self {
        Self {
            context,
            parent,
            name: Cow::Borrowed(""),
            kind,
            started: SystemTime::now(),
            attributes: vec![KeyValue::new("esteira.role", role)],
            links: SpanLinks::default(),
            status: Status::Unset,
        }
    }

    /// What is done within this span belongs here.
    pub fn context(&self) -> TraceContext {
        self.context
    }

    pub fn name(&mut self, name: impl Into<Cow<'static, str>>) {
        self.name = name.into();
    }

    pub fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        self.attributes.push(KeyValue::new(Key::from_static_str(key), value));
    }

    /// The work has failed.
    pub fn fail(&mut self, error: impl Into<Cow<'static, str>>) {
        self.status = Status::error(error);
    }

    fn link(&mut self, to: TraceContext) {
        if self.links.links.len() < MOST_LINKS {
            self.links.links.push(Link::with_context(to.to_otel(false)));
        } else {
            self.links.dropped_count += 1;
        }
    }

    /// The work is done.
    pub fn end(self) {
        self.end_at(SystemTime::now());
    }

    fn end_at(self, ended: SystemTime) {
        let Some(export) = export::installed() else { return };
        export.take(SpanData {
            span_context: self.context.to_otel(false),
            parent_span_id: self.parent.map_or(SpanId::INVALID, TraceContext::span_id),
            // What an internal span belongs to is in this process; other parents came by HTTP, the outbox or the log.
            parent_span_is_remote: self.parent.is_some() && self.kind != SpanKind::Internal,
            span_kind: self.kind,
            name: self.name,
            start_time: self.started,
            // The system's clock may be set back.
            end_time: ended.max(self.started),
            attributes: self.attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: self.links,
            status: self.status,
            instrumentation_scope: export.scope(),
        });
    }
}

fn is_recorded(context: TraceContext) -> bool {
    context.is_sampled() && is_on()
}

/// Whether spans are exported.
pub fn is_on() -> bool {
    export::installed().is_some()
}

/// The spans of what is done in one go for several traces: each part's in its own trace, and for more than one part the
/// batch's, which is a trace by itself. Part and batch are linked both ways.
#[derive(Debug, Default)]
pub struct BatchSpans {
    batch: Option<Span>,
    parts: Vec<Option<Span>>,
}

impl BatchSpans {
    /// Begins the spans of parts with these parents, which are looked at only where spans are exported. Nothing is built
    /// where no part is recorded.
    pub fn begin(
        name: &'static str,
        kind: &SpanKind,
        role: &'static str,
        parents: impl Iterator<Item = Option<TraceContext>>,
    ) -> Self {
        Self::around(name, role, parents.map(|parent| Span::child(parent?, kind.clone(), role)))
    }

    /// Begins the batch's span around the spans of its parts.
    pub fn around(name: &'static str, role: &'static str, parts: impl Iterator<Item = Option<Span>>) -> Self {
        if !is_on() {
            return Self::default();
        }
        let parts: Vec<Option<Span>> = parts.collect();
        if parts.iter().all(Option::is_none) {
            return Self::default();
        }
        let mut batch = (parts.len() > 1)
            .then(|| Span::new(TraceContext::sampled_root(), None, SpanKind::Internal, role));
        if let Some(batch) = &mut batch {
            batch.name(name);
            batch.set("esteira.batch.size", i64::try_from(parts.len()).unwrap_or(i64::MAX));
        }
        Self { batch, parts }
    }

    /// The span of a part, if it is recorded.
    pub fn part(&mut self, index: usize) -> Option<&mut Span> {
        self.parts.get_mut(index)?.as_mut()
    }

    /// Where the work on a part belongs, if it is recorded.
    pub fn context(&self, index: usize) -> Option<TraceContext> {
        self.parts.get(index)?.as_ref().map(Span::context)
    }

    /// What the spans tell began at `started`.
    pub fn since(&mut self, started: SystemTime) {
        for span in self.parts.iter_mut().chain([&mut self.batch]).flatten() {
            span.started = started;
        }
    }

    /// Everything is done.
    pub fn end(self) {
        let ended = SystemTime::now();
        let Self { mut batch, parts } = self;
        for mut part in parts.into_iter().flatten() {
            if let Some(batch) = &mut batch {
                batch.link(part.context);
                part.link(batch.context);
            }
            part.end_at(ended);
        }
        if let Some(batch) = batch {
            batch.end_at(ended);
        }
    }
}
