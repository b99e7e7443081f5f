//! Levels that nobody measures by the way: they are looked at now and then.

use std::sync::Arc;
use std::time::Duration;

use esteira_bus::dlq::RetryStore;
use esteira_bus::{Log, Outage, PartitionLag};
use esteira_outbox::{backlog, refused};
use esteira_sql::{Db, Timestamp};
use esteira_telemetry::metrics::{LAG, OUTBOX_AGE, OUTBOX_BACKLOG, OUTBOX_REFUSED, PARKED, POOL};
use futures::future::join_all;
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_secs(5);
/// Rows are counted no further than this.
const COUNTED: u32 = 100_000;

/// A consumer group of this process.
pub struct GroupGauges {
    pub log: Arc<dyn Log>,
    pub topics: Vec<String>,
    pub retries: Arc<dyn RetryStore>,
}

/// What this process looks at.
#[derive(Default)]
pub struct Gauges {
    pub groups: Vec<GroupGauges>,
    /// The outbox that this process publishes.
    pub outbox: Option<Db>,
    /// The write store that this process uses.
    pub store: Option<Db>,
}

impl Gauges {
    /// Looks until `stop`. A level that cannot be had stays as it was.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            if let Some(store) = &self.store {
                for (pool, used, idle) in store.connections() {
                    POOL.set([pool, "used"], f64::from(used));
                    POOL.set([pool, "idle"], f64::from(idle));
                }
            }
            let groups = join_all(self.groups.iter().map(GroupGauges::look));
            let (outbox, groups) = tokio::join!(self.look_at_outbox(), groups);
            let failed = groups.into_iter().filter_map(Result::err).chain(outbox.err());
            failed.for_each(|Outage(reason)| tracing::debug!(reason, "a level cannot be measured"));
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn look_at_outbox(&self) -> Result<(), Outage> {
        let Some(outbox) = &self.outbox else { return Ok(()) };
        let away = |error: sqlx::Error| Outage(error.to_string());
        let mut reader = outbox.read().await.map_err(away)?;
        let (waiting, oldest) = backlog(&mut reader.conn(), COUNTED).await.map_err(away)?;
        let refused = refused(&mut reader.conn()).await.map_err(away)?;
        let age = oldest.map_or(0, |at| Timestamp::now().as_millis().saturating_sub(at.as_millis()).max(0));
        OUTBOX_BACKLOG.count([], waiting.unsigned_abs());
        OUTBOX_REFUSED.count([], refused.unsigned_abs());
        OUTBOX_AGE.set([], Duration::from_millis(age.unsigned_abs()).as_secs_f64());
        Ok(())
    }
}

impl GroupGauges {
    async fn look(&self) -> Result<(), Outage> {
        let group = self.retries.group();
        let topics: Vec<&str> = self.topics.iter().map(String::as_str).collect();
        let lags = self.log.lag(group, &topics).await?;
        for topic in topics {
            let lag: i64 = lags.iter().filter(|lag| lag.topic == topic).map(PartitionLag::lag).sum();
            LAG.count([group, topic], lag.unsigned_abs());
        }
        for (standing, count) in self.retries.counts().await? {
            PARKED.count([group, standing.as_str()], count);
        }
        Ok(())
    }
}
