//! Says once that the collector is away, and once that it is back.

use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

#[derive(Debug)]
pub(super) struct Telling<E> {
    exporter: E,
    url: String,
    is_away: AtomicBool,
}

impl<E> Telling<E> {
    pub(super) fn new(exporter: E, url: String) -> Self {
        Self { exporter, url, is_away: AtomicBool::new(false) }
    }

    fn tell(&self, outcome: &OTelSdkResult) {
        let was_away = self.is_away.swap(outcome.is_err(), Ordering::Relaxed);
        match outcome {
            Err(error) if !was_away => {
                tracing::warn!(url = self.url, %error, "spans cannot be exported, and are lost until they can");
            }
            Ok(()) if was_away => tracing::info!(url = self.url, "spans are exported again"),
            Ok(()) | Err(_) => {}
        }
    }
}

impl<E: SpanExporter> SpanExporter for Telling<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let outcome = self.exporter.export(batch).await;
        self.tell(&outcome);
        outcome
    }

    fn shutdown(&self) -> OTelSdkResult {
        self.exporter.shutdown()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
