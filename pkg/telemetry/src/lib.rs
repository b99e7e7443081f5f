//! Logs, metrics, traces and stage health.

mod export;
mod health;
mod logs;
pub mod metrics;
mod spans;
mod trace_context;

pub use export::{ExportSettings, TracingError, install as install_tracing, shutdown as flush_traces};
pub use health::{Health, Stage, StageReport, State};
pub use logs::{DEFAULT_FILTER, Format, LogError, init};
pub use spans::{BatchSpans, Span, SpanKind, is_on as traces_are_exported};
pub use trace_context::TraceContext;

pub use opentelemetry::trace::TraceId;
