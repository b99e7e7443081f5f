//! How far a measurement is: a bar on a terminal, a line each elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// One measurement's progress.
pub struct Progress(ProgressBar);

impl Progress {
    /// Of something that takes `total` of `unit`.
    pub fn of(what: &str, total: u64, unit: &'static str) -> Self {
        eprintln!("{what}");
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        let template =
            format!("  {{wide_bar}} {{human_pos}} of {{human_len}} {unit}, {{per_sec}}, {{eta}} left");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// Of something that lasts `duration`; it moves by itself until it is dropped.
    pub fn lasting(what: &str, duration: Duration) -> Self {
        let progress = Self::of(what, duration.as_secs().max(1), "s");
        let bar = progress.0.clone();
        tokio::spawn(async move {
            while !bar.is_finished() && bar.position() < bar.length().unwrap_or_default() {
                tokio::time::sleep(Duration::from_secs(1)).await;
                bar.inc(1);
            }
        });
        progress
    }

    pub fn at(&self, done: u64) {
        self.0.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
