//! Spans to an OpenTelemetry collector: OTLP over HTTP, from a bounded queue, by a thread of its own.

mod client;
mod telling;

use std::sync::OnceLock;
use std::time::Duration;

use opentelemetry::trace::{SpanKind, TraceId};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SamplingDecision, ShouldSample, SpanData, SpanProcessor,
};

use client::Client;
use telling::Telling;

/// Spans that wait to be exported; with a queue that is full further ones are dropped.
const QUEUE: usize = 16_384;
/// How long a span waits for others.
const DELAY: Duration = Duration::from_secs(1);
/// How long a stop waits for a collector.
const FLUSH: Duration = Duration::from_secs(3);

static INSTALLED: OnceLock<Export> = OnceLock::new();

/// Where spans go, what they say of this process, and how many there are.
#[derive(Clone, Debug)]
pub struct ExportSettings {
    /// Where spans are posted to: `http://host:4318/v1/traces`.
    pub url: String,
    pub service_name: String,
    pub service_version: &'static str,
    /// Names this process among others of the service.
    pub instance: String,
    /// `production`, …
    pub environment: String,
    /// How many of the traces that begin here are recorded, from 0 to 1; the others follow their `traceparent`.
    pub ratio: f64,
}

/// Why spans cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum TracingError {
    #[error("spans cannot be exported to {url}")]
    Exporter { url: String, source: ExporterBuildError },
    #[error("the system's certificates cannot be read, without which there is no https")]
    Certificates(#[from] std::io::Error),
    #[error("traces are recorded already")]
    Twice,
}

#[derive(Debug)]
pub(crate) struct Export {
    processor: BatchSpanProcessor,
    scope: InstrumentationScope,
    sampler: Sampler,
}

impl Export {
    /// Whether a trace that begins here is recorded.
    pub(crate) fn samples(&self, trace_id: TraceId) -> bool {
        let decision = self.sampler.should_sample(None, trace_id, "", &SpanKind::Internal, &[], &[]).decision;
        decision == SamplingDecision::RecordAndSample
    }

    /// Hands a span over; never waits.
    pub(crate) fn take(&self, span: SpanData) {
        self.processor.on_end(span);
    }

    pub(crate) fn scope(&self) -> InstrumentationScope {
        self.scope.clone()
    }
}

pub(crate) fn installed() -> Option<&'static Export> {
    INSTALLED.get()
}

/// Begins to export spans, for the rest of the process. Must be called in its Tokio runtime, in which the collector is
/// talked to.
///
/// # Errors
/// If the exporter cannot be made, or this was called before. A collector that is away is no error.
pub fn install(settings: ExportSettings) -> Result<(), TracingError> {
    let url = settings.url;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Client::new(&url)?)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(&url)
        .build()
        .map_err(|source| TracingError::Exporter { url: url.clone(), source })?;
    let config = BatchConfigBuilder::default().with_max_queue_size(QUEUE).with_scheduled_delay(DELAY).build();
    let mut processor = BatchSpanProcessor::new(Telling::new(exporter, url), config);
    processor.set_resource(
        &Resource::builder()
            .with_service_name(settings.service_name)
            .with_attributes([
                KeyValue::new("service.namespace", "esteira"),
                KeyValue::new("service.version", settings.service_version),
                KeyValue::new("service.instance.id", settings.instance),
                KeyValue::new("deployment.environment.name", settings.environment),
            ])
            .build(),
    );
    let scope = InstrumentationScope::builder("esteira").with_version(settings.service_version).build();
    let sampler = Sampler::TraceIdRatioBased(settings.ratio);
    INSTALLED.set(Export { processor, scope, sampler }).map_err(|_| TracingError::Twice)
}

/// Exports what waits, for a few seconds at most; spans that end later are lost.
pub async fn shutdown() {
    // The queue's thread is waited for, which talks to the collector in this runtime.
    let flushed = tokio::task::spawn_blocking(|| {
        installed().map(|export| export.processor.shutdown_with_timeout(FLUSH))
    });
    if let Ok(Some(Err(error))) = flushed.await {
        tracing::warn!(%error, "the last spans were not exported");
    }
}
