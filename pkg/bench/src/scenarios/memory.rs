//! Memory of all roles in one process.

use std::time::Duration;

use crate::Bench;
use crate::load::{Orders, Pace, Shop};
use crate::oracle;
use crate::platform::Platform;
use crate::progress::Progress;
use crate::report::Figure;
use crate::sandbox::Sandbox;

const NAME: &str = "memory";
/// After which a process that is ready has done what it does at its start.
const IDLE: Duration = Duration::from_secs(5);
const CLIENTS: u16 = 64;
const SECONDS: u64 = 20;

impl Bench {
    pub(super) async fn memory(&mut self) -> anyhow::Result<()> {
        self.in_sandbox(Self::memory_in).await
    }

    async fn memory_in(&mut self, sandbox: &Sandbox) -> anyhow::Result<()> {
        let mut platform = Platform::running(sandbox).await?;
        tokio::time::sleep(IDLE).await;
        self.tell(Figure::new(NAME, "idle", platform.memory().0, "MiB").at_most(60.0));
        let (clients, duration) = (self.options.clients(CLIENTS), self.options.lasting(SECONDS));
        let shop = Shop::open(&platform).await?;
        let progress = Progress::lasting(&format!("  {clients} clients"), duration);
        let pace = Pace::AsFastAsPossible { duration };
        let orders = Orders::new(&[platform.ports.orders], &shop, clients, pace);
        let ledger = orders.run().await?;
        drop(progress);
        // Also while the backlog of the load is worked off.
        let db = sandbox.db(2).await?;
        oracle::drain(sandbox, &platform, &db, &ledger).await?;
        db.close().await;
        let (after, peak) = platform.memory();
        self.tell(Figure::new(NAME, "under load", peak, "MiB").at_most(250.0));
        self.tell(Figure::new(NAME, "after the load", after, "MiB"));
        self.judged(oracle::judge(sandbox, &mut platform, &shop, &ledger).await?);
        Ok(())
    }
}
