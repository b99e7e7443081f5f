//! `POST /orders` as fast as the clients can, beside one transaction an order on the bare store.

use std::time::Duration;

use crate::Bench;
use crate::load::{Ledger, Orders, Pace, Shop};
use crate::machine::Usage;
use crate::oracle::{self, int};
use crate::platform::Platform;
use crate::progress::Progress;
use crate::raw;
use crate::report::{Figure, Target};
use crate::sandbox::Sandbox;

const NAME: &str = "commands";
const CLIENTS: u16 = 64;
const SECONDS: u64 = 20;
/// The roles that a command needs.
const SERVICES: [&str; 3] = ["user-service", "product-service", "order-service"];

impl Bench {
    pub(super) async fn commands(&mut self) -> anyhow::Result<()> {
        self.in_sandbox(Self::commands_in).await
    }

    #[expect(clippy::cast_precision_loss, reason = "counts")]
    async fn commands_in(&mut self, sandbox: &Sandbox) -> anyhow::Result<()> {
        let (clients, duration) = (self.options.clients(CLIENTS), self.options.lasting(SECONDS));
        let mut platform = Platform::running(sandbox).await?;
        let shop = Shop::open(&platform).await?;
        let mut ports = vec![platform.ports.orders];
        let everything = self.load("everything running", &ports, &shop, clients, duration).await?;
        self.judged(oracle::judge(sandbox, &mut platform, &shop, &everything).await?);
        let db = sandbox.db(u32::try_from(clients)?).await?;
        let batches = int(&db, "select count(*) from command_batches").await?;
        let inputs =
            int(&db, "select (select count(*) from processed_events) + (select count(*) from orders)")
                .await?;
        self.tell(
            Figure::new(NAME, "commands and reactions a transaction", inputs as f64 / batches as f64, "")
                .gated(Target::AtLeast(4.0)),
        );
        let alone = if sandbox.site.is_servers() {
            platform.start(&SERVICES).await?;
            ports.extend(platform.start_more("order-service", self.options.processes - 1).await?);
            let alone = self.load("command services alone", &ports, &shop, clients, duration).await?;
            platform.stop().await?;
            Some(alone)
        } else {
            None
        };
        let progress = Progress::lasting("  one transaction an order on the bare store", duration);
        let ceiling = raw::inserts(&db, clients, duration).await?;
        db.close().await;
        drop(progress);
        self.tell(Figure::new(NAME, "bare store, a transaction an order", ceiling, "orders/s"));
        let ratio = |name, ledger: &Ledger| {
            Figure::new(NAME, format!("{name}, beside the bare store"), ledger.rate() / ceiling, "times")
        };
        self.tell(ratio("everything running", &everything).at_least(1.0));
        if let Some(alone) = &alone {
            self.tell(ratio("command services alone", alone).at_least(1.5));
        }
        Ok(())
    }

    async fn load(
        &mut self,
        name: &str,
        ports: &[u16],
        shop: &Shop,
        clients: usize,
        duration: Duration,
    ) -> anyhow::Result<Ledger> {
        let progress = Progress::lasting(&format!("  {clients} clients, {name}"), duration);
        let pace = Pace::AsFastAsPossible { duration };
        let orders = Orders::new(ports, shop, clients, pace);
        let usage = Usage::now();
        let ledger = orders.run().await?;
        let busy = usage.since();
        drop(progress);
        let rate = Figure::new(NAME, name, ledger.rate(), "orders/s");
        let embedded = !self.site.is_servers();
        self.tell(if embedded { rate.at_least(10_000.0) } else { rate });
        self.tell_latencies(NAME, name, &ledger.latencies);
        self.tell(Figure::new(NAME, format!("{name}, errors"), ledger.failed(), "").at_most(0.0));
        self.tell_usage(NAME, name, busy);
        Ok(ledger)
    }
}
