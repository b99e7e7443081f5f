//! `POST /orders` at a fixed rate, whatever the answers take.

use std::time::Duration;

use crate::Bench;
use crate::load::{Orders, Pace, Shop};
use crate::machine::Usage;
use crate::oracle;
use crate::platform::Platform;
use crate::progress::Progress;
use crate::report::Figure;
use crate::sandbox::Sandbox;

const NAME: &str = "latency";
const RATE: u32 = 2_000;
const SECONDS: u64 = 120;
const RAMP: Duration = Duration::from_secs(30);
/// More than are ever waited for at once while the target holds; with all of them waiting, the next is late, and counts as late.
pub(super) const CONNECTIONS: usize = 256;

/// A short run has a short ramp.
pub(super) fn ramp(duration: Duration) -> Duration {
    RAMP.min(duration / 4)
}

impl Bench {
    pub(super) async fn latency(&mut self) -> anyhow::Result<()> {
        self.in_sandbox(Self::latency_in).await
    }

    async fn latency_in(&mut self, sandbox: &Sandbox) -> anyhow::Result<()> {
        let (rate, duration) = (self.options.rate.unwrap_or(RATE), self.options.lasting(SECONDS));
        let mut platform = Platform::running(sandbox).await?;
        let shop = Shop::open(&platform).await?;
        let pace = Pace::Fixed { rate, ramp: ramp(duration), duration };
        let name = format!("{rate}/s");
        let orders = Orders::new(&[platform.ports.orders], &shop, CONNECTIONS, pace);
        let progress = Progress::lasting(&format!("  POST /orders at {name}"), pace.total());
        let usage = Usage::now();
        let ledger = orders.run().await?;
        let busy = usage.since();
        drop(progress);
        let latencies = &ledger.latencies;
        self.tell(Figure::new(NAME, format!("{name}, p50"), latencies.percentile(50.0), "ms"));
        self.tell(Figure::new(NAME, format!("{name}, p99"), latencies.percentile(99.0), "ms").at_most(50.0));
        self.tell(Figure::new(NAME, format!("{name}, longest"), latencies.max(), "ms"));
        self.tell(Figure::new(NAME, format!("{name}, errors"), ledger.failed(), "").at_most(0.0));
        self.tell(Figure::new(NAME, format!("{name}, memory"), platform.memory().1, "MiB").at_most(250.0));
        self.tell_usage(NAME, &name, busy);
        self.judged(oracle::judge(sandbox, &mut platform, &shop, &ledger).await?);
        Ok(())
    }
}
