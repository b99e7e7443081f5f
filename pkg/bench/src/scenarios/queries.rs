//! `GET /q/orders/{id}`, beside the driver's find-by-id behind a bare handler.

use std::sync::Arc;
use std::time::Duration;

use crate::Bench;
use crate::load::{Orders, Pace, Reads, Shop};
use crate::machine::Usage;
use crate::oracle;
use crate::platform::Platform;
use crate::progress::Progress;
use crate::raw::FindServer;
use crate::report::Figure;
use crate::sandbox::Sandbox;

const NAME: &str = "queries";
const CLIENTS: u16 = 32;
const SECONDS: u64 = 20;
/// How many orders are read in turn.
const ORDERS: u32 = 2_000;

impl Bench {
    pub(super) async fn queries(&mut self) -> anyhow::Result<()> {
        self.in_sandbox(Self::queries_in).await
    }

    async fn queries_in(&mut self, sandbox: &Sandbox) -> anyhow::Result<()> {
        let (clients, duration) = (self.options.clients(CLIENTS), self.options.lasting(SECONDS));
        let mut platform = Platform::running(sandbox).await?;
        let shop = Shop::open(&platform).await?;
        let making = Pace::Fixed { rate: ORDERS / 4, ramp: Duration::ZERO, duration: Duration::from_secs(4) };
        let orders = Orders::new(&[platform.ports.orders], &shop, clients, making);
        let ledger = orders.run().await?;
        let db = sandbox.db(2).await?;
        oracle::drain(sandbox, &platform, &db, &ledger).await?;
        db.close().await;
        let ids = Arc::new(ledger.orders.clone());
        let reads = |port, path| Reads {
            port,
            path,
            ids: Arc::clone(&ids),
            clients,
            pace: Pace::AsFastAsPossible { duration },
        };
        let progress = Progress::lasting(&format!("  {clients} clients on the query API"), duration);
        let usage = Usage::now();
        let (rate, latencies) = reads(platform.ports.query, "/q/orders/").run().await?;
        let busy = usage.since();
        drop(progress);
        // Beside the same platform, which is not quite idle.
        let progress = Progress::lasting(&format!("  {clients} clients on the driver"), duration);
        let server = FindServer::start(sandbox)?;
        let (ceiling, _) = reads(server.port, "/").run().await?;
        drop((progress, server));
        self.judged(oracle::judge(sandbox, &mut platform, &shop, &ledger).await?);
        self.tell(Figure::new(NAME, "query API", rate, "answers/s"));
        self.tell_latencies(NAME, "query API", &latencies);
        self.tell(Figure::new(NAME, "driver behind a bare handler", ceiling, "answers/s"));
        self.tell(Figure::new(NAME, "beside the driver", rate / ceiling, "times").at_least(0.9));
        self.tell_usage(NAME, "query API", busy);
        Ok(())
    }
}
