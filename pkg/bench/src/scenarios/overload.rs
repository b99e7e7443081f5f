//! More clients than commands may wait: the rest are told to come again, which they do.

use crate::Bench;
use crate::load::{Orders, Pace, Shop};
use crate::oracle;
use crate::platform::Platform;
use crate::progress::Progress;
use crate::report::Figure;
use crate::sandbox::Sandbox;

const NAME: &str = "overload";
/// Nearly twice as many as `ESTEIRA_COMMAND_QUEUE` lets wait, and fewer than the listener serves at once.
const CLIENTS: usize = 2_000;
const SECONDS: u64 = 20;

impl Bench {
    pub(super) async fn overload(&mut self) -> anyhow::Result<()> {
        self.in_sandbox(Self::overload_in).await
    }

    #[expect(clippy::cast_precision_loss, reason = "counts")]
    async fn overload_in(&mut self, sandbox: &Sandbox) -> anyhow::Result<()> {
        let duration = self.options.lasting(SECONDS);
        let mut platform = Platform::running(sandbox).await?;
        let shop = Shop::open(&platform).await?;
        let pace = Pace::AsFastAsPossible { duration };
        let orders = Orders::new(&[platform.ports.orders], &shop, CLIENTS, pace);
        let progress = Progress::lasting(&format!("  {CLIENTS} clients"), duration);
        let ledger = orders.run().await?;
        drop(progress);
        self.tell(Figure::new(NAME, "accepted", ledger.rate(), "orders/s"));
        self.tell_latencies(NAME, "accepted", &ledger.latencies);
        let refused = Figure::new(NAME, "told to come again later", ledger.refused as f64, "requests");
        self.tell(refused.at_least(1.0));
        let unexpected = Figure::new(NAME, "any other answer", ledger.unexpected() as f64, "requests");
        self.tell(unexpected.at_most(0.0));
        for (error, count) in &ledger.errors {
            eprintln!("    {count} times: {error}");
        }
        self.tell(Figure::new(NAME, "memory", platform.memory().1, "MiB").at_most(250.0));
        self.judged(oracle::judge(sandbox, &mut platform, &shop, &ledger).await?);
        Ok(())
    }
}
