//! Pauses that grow while something is away.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio_util::sync::CancellationToken;

/// Exponential pauses with jitter, from a first to a longest one, for as long as it takes.
#[derive(Debug)]
pub struct Pauses {
    builder: ExponentialBuilder,
    growing: ExponentialBackoff,
    longest: Duration,
}

impl Pauses {
    pub fn new(first: Duration, longest: Duration) -> Self {
        let builder = ExponentialBuilder::default()
            .with_min_delay(first)
            .with_max_delay(longest)
            .with_jitter()
            .without_max_times();
        Self { builder, growing: builder.build(), longest }
    }

    /// Begins again with the first pause.
    pub fn reset(&mut self) {
        self.growing = self.builder.build();
    }

    /// Rests for the next pause, or until `stop`.
    pub async fn rest(&mut self, stop: &CancellationToken) {
        let pause = self.growing.next().unwrap_or(self.longest);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }
}
