//! Orders that all wait for the stock of one product.

use std::time::{Duration, Instant};

use anyhow::bail;
use esteira_sql::{Db, Timestamp, on};

use crate::Bench;
use crate::load::{Orders, Pace, Shop};
use crate::oracle::{self, int};
use crate::platform::Platform;
use crate::report::Figure;
use crate::sandbox::Sandbox;

const NAME: &str = "reactions";
const WAITING: u32 = 1_000;
const CLIENTS: usize = 32;
const SERVICES: [&str; 4] = ["user-service", "product-service", "order-service", "query-service"];
const PATIENCE: Duration = Duration::from_mins(2);
const PAUSE: Duration = Duration::from_millis(50);

impl Bench {
    pub(super) async fn reactions(&mut self) -> anyhow::Result<()> {
        if !self.site.is_servers() {
            eprintln!("    left out: the roles are processes of their own only on MySQL, Kafka and MongoDB");
            return Ok(());
        }
        self.in_sandbox(Self::reactions_in).await
    }

    async fn reactions_in(&mut self, sandbox: &Sandbox) -> anyhow::Result<()> {
        let mut platform = Platform::new(sandbox)?;
        platform.start(&SERVICES).await?;
        let shop = Shop::with(&platform, 100, 1, 1_000_000).await?;
        // Nothing is dispatched yet: the orders wait.
        let pace = Pace::Fixed { rate: WAITING, ramp: Duration::ZERO, duration: Duration::from_secs(1) };
        let orders = Orders::new(&[platform.ports.orders], &shop, CLIENTS, pace);
        let ledger = orders.run().await?;
        let waiting = ledger.orders.len();
        let db = sandbox.db(2).await?;
        platform.start(&["dispatcher", "projector"]).await?;
        let started = Instant::now();
        while int(&db, "select count(*) from reservations").await? < i64::try_from(waiting)? {
            if started.elapsed() > PATIENCE {
                bail!("the orders still wait after {PATIENCE:?}");
            }
            tokio::time::sleep(PAUSE).await;
        }
        let took = reserved(&db).await?;
        db.close().await;
        self.tell(
            Figure::new(NAME, format!("{waiting} orders for one product"), took.as_secs_f64(), "s")
                .at_most(1.0),
        );
        self.judged(oracle::judge(sandbox, &mut platform, &shop, &ledger).await?);
        Ok(())
    }
}

/// From the first order that was published to the last reservation.
async fn reserved(db: &Db) -> anyhow::Result<Duration> {
    let mut reader = db.read().await?;
    let (first, last): (Timestamp, Timestamp) = on!(&mut reader.conn(), c => {
        sqlx::query_as(
            "select min(processed_at), (select max(created_at) from reservations) from outbox where event_type = 'order.created'",
        )
        .fetch_one(&mut *c)
        .await
    })?;
    Ok(Duration::from_millis((last.as_millis() - first.as_millis()).max(0).unsigned_abs()))
}
