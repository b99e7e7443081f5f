//! The consumer loop: take, handle, commit. An outage pauses it and loses nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use esteira_telemetry::Stage;
use esteira_telemetry::metrics::{CONSUMED, CONSUMED_BATCH, CONSUMED_DURATION};
use tokio_util::sync::CancellationToken;

use crate::{Consumer, Log, LogError, Pauses, Record};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A batch is tried again for this long before its member leaves the group: well within the five minutes after
/// which the group would take it for dead.
const HOLD: Duration = Duration::from_mins(1);
/// How often the handler may do what no record asks for.
const TICK: Duration = Duration::from_millis(250);
/// A batch that takes longer is a stall that somebody should look at.
const STALL: Duration = Duration::from_secs(30);

/// What a consumer group does with its records.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Called before the group is joined, each time.
    async fn prepare(&self) -> Result<(), Outage> {
        Ok(())
    }

    /// Makes every effect of `records` durable, parked and dead-lettered ones included: their offsets are committed
    /// next. May be called again with records that it has handled.
    async fn handle(&self, records: &[Record]) -> Result<(), Outage>;

    /// Retries what is due; called between batches.
    async fn tick(&self) -> Result<(), Outage>;
}

/// Something that the handler needs is away; it says nothing of the records.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Outage(pub String);

impl From<LogError> for Outage {
    fn from(error: LogError) -> Self {
        Self(error.to_string())
    }
}

/// One member of a consumer group; a clone is another one.
#[derive(Clone)]
pub struct Worker {
    pub log: Arc<dyn Log>,
    pub group: String,
    pub topics: Vec<String>,
    pub handler: Arc<dyn Handler>,
    pub stage: Stage,
    /// The most records of one batch.
    pub batch: usize,
}

impl Worker {
    /// Consumes until `stop`; the batch in hand is finished and committed.
    pub async fn run(self, stop: CancellationToken) {
        let mut pauses = Pauses::new(FIRST_PAUSE, LONGEST_PAUSE);
        while !stop.is_cancelled() {
            let joined = Instant::now();
            match self.member(&stop).await {
                Ok(()) => return,
                Err(error) => {
                    self.stage.paused(&error);
                    if joined.elapsed() > LONGEST_PAUSE {
                        pauses.reset();
                    }
                    pauses.rest(&stop).await;
                }
            }
        }
    }

    /// One membership of the group, until `stop` or an outage that lasts.
    async fn member(&self, stop: &CancellationToken) -> Result<(), Outage> {
        tokio::select! {
            prepared = self.handler.prepare() => prepared?,
            () = stop.cancelled() => return Ok(()),
        }
        // What is parked can go on while the log is away, and a store that is away must not cost a rebalance.
        self.handler.tick().await?;
        let topics: Vec<&str> = self.topics.iter().map(String::as_str).collect();
        let mut consumer = self.log.subscribe(&self.group, &topics).await?;
        let result = self.consume(consumer.as_mut(), stop).await;
        consumer.close().await;
        result
    }

    async fn consume(&self, consumer: &mut dyn Consumer, stop: &CancellationToken) -> Result<(), Outage> {
        let mut ticked = Instant::now();
        // The first look does not wait: a member that has joined is ready.
        let mut wait = Duration::ZERO;
        while !stop.is_cancelled() {
            let records = tokio::select! {
                records = consumer.take(self.batch, wait) => records?,
                () = stop.cancelled() => return Ok(()),
            };
            if !records.is_empty() {
                let started = Instant::now();
                self.hold(stop, || self.handler.handle(&records)).await?;
                CONSUMED_DURATION.took([&self.group], started.elapsed());
                CONSUMED_BATCH.size([&self.group], records.len());
                CONSUMED.add([&self.group], records.len());
                #[cfg(feature = "failpoints")]
                fail::fail_point!("consumer-before-commit", |_| std::process::abort());
                consumer.commit(&records).await?;
            }
            if ticked.elapsed() >= TICK {
                self.hold(stop, || self.handler.tick()).await?;
                ticked = Instant::now();
            }
            self.stage.ready_for(STALL);
            wait = TICK;
        }
        Ok(())
    }

    /// Tries `work` again for as long as an outage may be waited out without leaving the group.
    async fn hold<W>(&self, stop: &CancellationToken, mut work: impl FnMut() -> W) -> Result<(), Outage>
    where
        W: Future<Output = Result<(), Outage>>,
    {
        let started = Instant::now();
        let mut pauses = Pauses::new(FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            match work().await {
                Ok(()) => return Ok(()),
                Err(outage) if started.elapsed() > HOLD || stop.is_cancelled() => return Err(outage),
                Err(outage) => {
                    self.stage.paused(&outage);
                    pauses.rest(stop).await;
                }
            }
        }
    }
}
