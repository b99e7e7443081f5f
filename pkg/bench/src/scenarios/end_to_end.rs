//! From the answer to `POST /orders` until the view shows the order: followed by reads with a consistency token.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;

use super::latency::{CONNECTIONS, ramp};
use crate::Bench;
use crate::http::Connection;
use crate::latency::Latencies;
use crate::load::{Acknowledged, Orders, Pace, Shop, visible};
use crate::machine::Usage;
use crate::oracle;
use crate::platform::Platform;
use crate::progress::Progress;
use crate::report::Figure;
use crate::sandbox::Sandbox;

const NAME: &str = "end-to-end";
const RATES: [u32; 2] = [1_000, 2_000];
const SECONDS: u64 = 60;
/// Orders a second that are followed; more would be a load of their own.
const FOLLOWED: u32 = 50;

impl Bench {
    pub(super) async fn end_to_end(&mut self) -> anyhow::Result<()> {
        let rates = self.options.rate.map_or(RATES.to_vec(), |rate| vec![rate]);
        for rate in rates {
            self.in_sandbox(async |bench, sandbox| bench.followed(sandbox, rate).await).await?;
        }
        Ok(())
    }

    async fn followed(&mut self, sandbox: &Sandbox, rate: u32) -> anyhow::Result<()> {
        let duration = self.options.lasting(SECONDS);
        let mut platform = Platform::running(sandbox).await?;
        let shop = Shop::open(&platform).await?;
        let pace = Pace::Fixed { rate, ramp: ramp(duration), duration };
        let (teller, told) = unbounded_channel();
        let followed = Some((u64::from((rate / FOLLOWED).max(1)), teller));
        let orders = Orders { followed, ..Orders::new(&[platform.ports.orders], &shop, CONNECTIONS, pace) };
        let name = format!("{rate}/s");
        let progress = Progress::lasting(&format!("  following orders at {name}"), pace.total());
        let usage = Usage::now();
        let (ledger, visible) = tokio::try_join!(orders.run(), follow(platform.ports.query, told))?;
        let busy = usage.since();
        drop(progress);
        let figure = |label: &str, value| Figure::new(NAME, format!("{name}, {label}"), value, "ms");
        let (p50, p99) = (figure("p50", visible.percentile(50.0)), figure("p99", visible.percentile(99.0)));
        let longest = figure("longest", visible.max());
        match (sandbox.site.is_servers(), rate) {
            (false, _) => {
                self.tell(p50);
                self.tell(p99.at_most(100.0));
                self.tell(longest);
            }
            (true, ..=1_000) => {
                self.tell(p50.at_most(50.0));
                self.tell(p99.at_most(500.0));
                self.tell(longest);
            }
            (true, _) => {
                self.tell(p50);
                self.tell(p99);
                self.tell(longest.at_most(2_000.0));
            }
        }
        self.tell(Figure::new(NAME, format!("{name}, errors"), ledger.failed(), "").at_most(0.0));
        self.tell_usage(NAME, &name, busy);
        self.judged(oracle::judge(sandbox, &mut platform, &shop, &ledger).await?);
        Ok(())
    }
}

/// Asks for each order until it is there; how long each took.
async fn follow(port: u16, mut told: UnboundedReceiver<Acknowledged>) -> anyhow::Result<Latencies> {
    let idle: Arc<Mutex<Vec<Connection>>> = Arc::default();
    let mut followers = JoinSet::new();
    let mut latencies = Latencies::new()?;
    while let Some(order) = told.recv().await {
        let idle = Arc::clone(&idle);
        followers.spawn(async move {
            let waiting = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut connection = match waiting {
                Some(connection) => connection,
                None => Connection::open(port).await?,
            };
            visible(&mut connection, "order", order.id).await?;
            let took = order.at.elapsed();
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            anyhow::Ok(took)
        });
        while let Some(done) = followers.try_join_next() {
            latencies.record(done??);
        }
    }
    while let Some(done) = followers.join_next().await {
        latencies.record(done??);
    }
    Ok(latencies)
}
