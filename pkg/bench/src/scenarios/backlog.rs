//! A backlog of events: to the log by the dispatcher, to the views by the projector.

use std::time::{Duration, Instant};

use anyhow::bail;
use esteira_bus::{Log, NewRecord, PartitionLag, TopicSpec};
use esteira_events::EventType;
use esteira_outbox::{Outgoing, Slots, claim};
use esteira_projector::{GROUP, TOPICS};
use esteira_sql::{Db, Timestamp, on};

use crate::Bench;
use crate::load::Shop;
use crate::machine::Usage;
use crate::oracle::{self, int};
use crate::platform::Platform;
use crate::progress::Progress;
use crate::raw;
use crate::report::Figure;
use crate::sandbox::Sandbox;
use crate::seed::{self, LIFE, Stage};

const EVENTS: usize = 200_000;
/// As the platform makes its topics.
const PARTITIONS: i32 = 3;
const PAGE: u32 = 5_000;
const PATIENCE: Duration = Duration::from_mins(15);
const PAUSE: Duration = Duration::from_millis(100);

impl Bench {
    pub(super) async fn dispatcher(&mut self) -> anyhow::Result<()> {
        if !self.site.is_servers() {
            eprintln!(
                "    left out: the dispatcher is a process of its own only on MySQL, Kafka and MongoDB"
            );
            return Ok(());
        }
        self.in_sandbox(Self::dispatcher_in).await
    }

    async fn dispatcher_in(&mut self, sandbox: &Sandbox) -> anyhow::Result<()> {
        const NAME: &str = "dispatcher";
        let db = sandbox.db(4).await?;
        let mut platform = Platform::new(sandbox)?;
        let events = self.backlog(&mut platform, &db).await?;
        let records = records(sandbox, &db).await?;
        let usage = Usage::now();
        let rate = dispatch(&mut platform, &db, events, self.options.processes).await?;
        let busy = usage.since();
        platform.stop().await?;
        self.judged(is_all_in_the_log(sandbox, &db).await?);
        db.close().await;
        let Some(config) = &sandbox.site.kafka else { bail!("there is no Kafka") };
        let progress =
            Progress::of("  the same records by librdkafka alone", records.len() as u64, "records");
        let ceiling = raw::produce(config, &records, &progress).await?;
        drop(progress);
        self.tell(Figure::new(NAME, "backlog", rate, "events/s").at_least(10_000.0));
        self.tell(Figure::new(NAME, "librdkafka alone, idempotent, acks=all", ceiling, "records/s"));
        self.tell(Figure::new(NAME, "beside librdkafka", rate / ceiling, "times").at_least(0.6));
        self.tell_usage(NAME, "backlog", busy);
        Ok(())
    }

    pub(super) async fn projector(&mut self) -> anyhow::Result<()> {
        if !self.site.is_servers() {
            eprintln!("    left out: the projector is a process of its own only on MySQL, Kafka and MongoDB");
            return Ok(());
        }
        self.in_sandbox(Self::projector_in).await
    }

    async fn projector_in(&mut self, sandbox: &Sandbox) -> anyhow::Result<()> {
        const NAME: &str = "projector";
        let db = sandbox.db(4).await?;
        let mut platform = Platform::new(sandbox)?;
        let events = self.backlog(&mut platform, &db).await?;
        dispatch(&mut platform, &db, events, 1).await?;
        db.close().await;
        platform.stop().await?;
        let usage = Usage::now();
        let rate = project(sandbox, &mut platform, self.options.processes).await?;
        let busy = usage.since();
        platform.stop().await?;
        self.judged(oracle::verify(&platform)?);
        let Some(views) = sandbox.mongo().await? else { bail!("there is no MongoDB") };
        let _progress = Progress::of("  the same documents by the driver alone", 0, "documents");
        let ceiling = raw::upserts(views.database()).await?;
        self.tell(Figure::new(NAME, "rebuild from the log", rate, "events/s").at_least(5_000.0));
        self.tell(Figure::new(NAME, "driver alone, guarded upserts", ceiling, "documents/s"));
        self.tell(Figure::new(NAME, "beside the driver", rate / ceiling, "times").at_least(0.5));
        self.tell_usage(NAME, "rebuild", busy);
        Ok(())
    }

    /// Writes orders with their whole lives; how many events wait.
    async fn backlog(&self, platform: &mut Platform<'_>, db: &Db) -> anyhow::Result<u64> {
        platform.start(&["user-service", "product-service"]).await?;
        let shop = Shop::open(platform).await?;
        platform.stop().await?;
        seed::orders(db, &shop, self.options.scaled(EVENTS).div_ceil(LIFE), Stage::Paid).await?;
        Ok(int(db, "select count(*) from outbox where processed_at is null").await?.unsigned_abs())
    }
}

/// Runs a dispatcher until nothing waits; events a second between the first mark and the last.
#[expect(clippy::cast_precision_loss, reason = "a count of events")]
async fn dispatch(platform: &mut Platform<'_>, db: &Db, events: u64, processes: u16) -> anyhow::Result<f64> {
    let progress = Progress::of("  dispatching", events, "events");
    let first = int(db, "select min(id) from outbox").await?;
    platform.start_more("dispatcher", processes).await?;
    let started = Instant::now();
    loop {
        let next = int(db, "select coalesce(min(id), -1) from outbox where processed_at is null").await?;
        if next < 0 {
            return Ok(events as f64 / marked(db).await?.as_secs_f64());
        }
        progress.at((next - first).unsigned_abs());
        if started.elapsed() > PATIENCE {
            bail!("the backlog is not drained after {PATIENCE:?}");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Every event that waits, as a record for topics beside the platform's, which are made here.
async fn records(sandbox: &Sandbox, db: &Db) -> anyhow::Result<Vec<NewRecord>> {
    let topics = sandbox.raw_topics();
    let specs = EventType::ALL.map(|event| TopicSpec {
        name: topics.name(event),
        partitions: PARTITIONS,
        replication: 1,
        config: Vec::new(),
    });
    sandbox.log().await?.create_topics(&specs).await?;
    let mut records = Vec::new();
    let mut next = Some(0);
    while let Some(after) = next {
        let page = claim(&mut db.read().await?.conn(), Slots::ALL, after, PAGE).await?;
        next = page.next;
        records.extend(page.rows.into_iter().map(|row| Outgoing::new(row, &topics).record(None)));
    }
    Ok(records)
}

/// From the first mark of the dispatcher to the last.
async fn marked(db: &Db) -> anyhow::Result<Duration> {
    let mut reader = db.read().await?;
    let (first, last): (Timestamp, Timestamp) = on!(&mut reader.conn(), c => {
        sqlx::query_as("select min(processed_at), max(processed_at) from outbox").fetch_one(&mut *c).await
    })?;
    Ok(Duration::from_millis((last.as_millis() - first.as_millis()).unsigned_abs()))
}

async fn is_all_in_the_log(sandbox: &Sandbox, db: &Db) -> anyhow::Result<Vec<String>> {
    let names = EventType::ALL.map(|event| sandbox.topics.name(event));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let there: i64 =
        sandbox.log().await?.lag(&sandbox.group("bench"), &names).await?.iter().map(|it| it.end).sum();
    let written = int(db, "select count(*) from outbox").await?;
    if there == written {
        Ok(vec![])
    } else {
        Ok(vec![format!("the log has {there} records of {written} events")])
    }
}

/// Runs a projector until it is level with the log; events a second, from its first committed batch on.
#[expect(clippy::cast_precision_loss, reason = "a count of events")]
async fn project(sandbox: &Sandbox, platform: &mut Platform<'_>, processes: u16) -> anyhow::Result<f64> {
    let log = sandbox.log().await?;
    let (group, topics) = (sandbox.group(GROUP), sandbox.topics.names(&TOPICS));
    let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
    let total = lag(log.as_ref(), &group, &topics).await?;
    let progress = Progress::of("  projecting", total.unsigned_abs(), "events");
    platform.start_more("projector", processes).await?;
    let mut first = None;
    let started = Instant::now();
    loop {
        let left = lag(log.as_ref(), &group, &topics).await?;
        let now = Instant::now();
        progress.at((total - left).unsigned_abs());
        if left < total && first.is_none() {
            first = Some((now, left));
        }
        if let (0, Some((since, before))) = (left, first) {
            return Ok(before as f64 / now.duration_since(since).as_secs_f64());
        }
        if started.elapsed() > PATIENCE {
            bail!("the log is not projected after {PATIENCE:?}");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn lag(log: &dyn Log, group: &str, topics: &[&str]) -> anyhow::Result<i64> {
    Ok(log.lag(group, topics).await?.iter().map(PartitionLag::lag).sum())
}
