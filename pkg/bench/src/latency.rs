//! Latencies, from the time at which a request was to be sent.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Longer than any request may take.
const MAX_MICROS: u64 = 600_000_000;
const DIGITS: u8 = 3;

/// How long things took.
#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u64>);

impl Latencies {
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self(Histogram::new_with_bounds(1, MAX_MICROS, DIGITS)?))
    }

    pub fn record(&mut self, took: Duration) {
        self.0.saturating_record(u64::try_from(took.as_micros()).unwrap_or(MAX_MICROS));
    }

    pub fn add(&mut self, other: &Self) -> anyhow::Result<()> {
        Ok(self.0.add(&other.0)?)
    }

    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The value that `percent` of all are no longer than, in milliseconds.
    pub fn percentile(&self, percent: f64) -> f64 {
        millis(self.0.value_at_percentile(percent))
    }

    /// The longest, in milliseconds.
    pub fn max(&self) -> f64 {
        millis(self.0.max())
    }
}

#[expect(clippy::cast_precision_loss, reason = "three digits are kept")]
fn millis(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}
