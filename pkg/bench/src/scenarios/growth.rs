//! What an item costs in small tables and in large ones: the parts of the belt in this process, without load.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use esteira_bus::{Handler, Log, Record};
use esteira_outbox::{Lease, Mark, Outgoing, Slots, balance, claim, leave, mark_published};
use esteira_projector::{GROUP, Projector};
use esteira_sql::Db;
use esteira_views::{DocId, ORDERS, Query, Scalar, Sort, Views};

use crate::Bench;
use crate::load::Shop;
use crate::machine::processor_time;
use crate::platform::Platform;
use crate::progress::Progress;
use crate::report::{Figure, Target};
use crate::sandbox::Sandbox;
use crate::seed::{self, Stage};

const NAME: &str = "growth";
const SMALL: usize = 10_000;
const LARGE: usize = 1_000_000;
/// As the roles take them.
const PAGE: u32 = 500;
const BATCH: usize = 256;
/// Pages that are read at each size.
const PAGES: usize = 200;
const POLLS: usize = 1_000;
const PAGE_OF_A_LIST: u32 = 100;
const LEASE: Duration = Duration::from_mins(1);
/// The most items that are measured, and the least, so that the steps of the processor time do not show.
const WINDOW: usize = 5_000;
const WINDOW_LEAST: usize = 2_000;
/// A cost may be so many times as high in large tables.
const ALLOWED: f64 = 1.2;
/// What no noise explains, where the tables grow tenfold or more: without an index, their cost grows with them.
const GATE: Target = Target::AtMost(2.5);

/// What a step has cost so far: embedded engines work in this process, so that its processor time says what other
/// programs on the machine cannot change; servers do not, so that the time must do.
#[derive(Clone, Copy)]
enum Meter {
    ProcessorTime(Duration),
    Time(Instant),
}

impl Meter {
    fn start(servers: bool) -> Self {
        if servers { Self::Time(Instant::now()) } else { Self::ProcessorTime(processor_time()) }
    }

    fn elapsed(self) -> Duration {
        match self {
            Self::ProcessorTime(before) => processor_time().saturating_sub(before),
            Self::Time(before) => before.elapsed(),
        }
    }
}

/// Seconds by step.
type Costs = BTreeMap<&'static str, f64>;

/// The parts of the belt.
struct Belt {
    db: Db,
    log: Arc<dyn Log>,
    views: Arc<dyn Views>,
    projector: Projector,
    servers: bool,
}

impl Bench {
    pub(super) async fn growth(&mut self) -> anyhow::Result<()> {
        self.in_sandbox(Self::growth_in).await
    }

    async fn growth_in(&mut self, sandbox: &Sandbox) -> anyhow::Result<()> {
        let mut platform = Platform::running(sandbox).await?;
        let shop = Shop::open(&platform).await?;
        shop.visible(platform.ports).await?;
        platform.stop().await?;
        let mut belt = Belt::open(sandbox).await?;
        let (small_size, large_size) =
            (self.options.scaled(SMALL).max(WINDOW_LEAST), self.options.scaled(LARGE));
        // The last items before a size is reached are measured.
        let window = small_size.min(WINDOW);
        let small = belt.grow(sandbox, &shop, small_size, window).await?;
        let large = belt.grow(sandbox, &shop, large_size, window).await?;
        belt.db.close().await;
        for (step, before) in small {
            let after = large.get(step).copied().context("a step is missing")?;
            self.tell(Figure::new(NAME, format!("{step} at {small_size}"), before * 1e6, "µs an item"));
            self.tell(Figure::new(NAME, format!("{step} at {large_size}"), after * 1e6, "µs an item"));
            self.tell(
                Figure::new(NAME, format!("{step}, as it grows"), after / before, "times")
                    .at_most(ALLOWED)
                    .gated(GATE),
            );
        }
        Ok(())
    }
}

impl Belt {
    async fn open(sandbox: &Sandbox) -> anyhow::Result<Self> {
        let (db, log, views) = (sandbox.db(4).await?, sandbox.log().await?, sandbox.views().await?);
        let projector = Projector::new(
            Arc::clone(&views),
            Arc::clone(&log),
            Some(db.clone()),
            sandbox.topics.clone(),
            sandbox.group(GROUP),
        );
        Ok(Self { db, log, views, projector, servers: sandbox.site.is_servers() })
    }

    /// Adds orders until there are `size`, and takes them along the belt; what the last of them cost.
    async fn grow(
        &mut self,
        sandbox: &Sandbox,
        shop: &Shop,
        size: usize,
        window: usize,
    ) -> anyhow::Result<Costs> {
        let there = usize::try_from(crate::oracle::int(&self.db, "select count(*) from orders").await?)?;
        let before = size.saturating_sub(window);
        if before > there {
            seed::orders(&self.db, shop, before - there, Stage::Created).await?;
            self.carry(sandbox, (before - there) as u64).await?;
        }
        seed::orders(&self.db, shop, size - before.max(there), Stage::Created).await?;
        let mut costs = self.carry(sandbox, window as u64).await?;
        costs.insert("look for events when none waits", self.poll().await?);
        costs.insert("page", self.page(size).await?);
        costs.insert("verify", self.verify().await?);
        Ok(costs)
    }

    /// Carries what waits from the outbox through the log to the views, a page at a time.
    #[expect(clippy::cast_precision_loss, reason = "a count of events")]
    async fn carry(&mut self, sandbox: &Sandbox, expected: u64) -> anyhow::Result<Costs> {
        let progress = Progress::of("  claiming, publishing, projecting", expected, "events");
        let (mut claimed, mut published, mut projected) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        let mut lease = Lease::new("bench", LEASE);
        balance(&self.db, &mut lease).await?;
        let mut carried = 0;
        loop {
            let started = Meter::start(self.servers);
            let rows = claim(&mut self.db.read().await?.conn(), Slots::of(&lease), 0, PAGE).await?.rows;
            claimed += started.elapsed();
            if rows.is_empty() {
                break;
            }
            let outgoing: Vec<Outgoing> =
                rows.into_iter().map(|row| Outgoing::new(row, &sandbox.topics)).collect();
            let started = Meter::start(self.servers);
            let positions =
                self.log.publish(outgoing.iter().map(|outgoing| outgoing.record(None)).collect()).await;
            published += started.elapsed();
            let mut marks = Vec::with_capacity(outgoing.len());
            let mut records = Vec::with_capacity(outgoing.len());
            for (outgoing, at) in outgoing.iter().zip(positions) {
                let at = at?;
                marks.push(Mark { id: outgoing.row.id, partition: at.partition, offset: at.offset });
                records.push(record(outgoing, at));
            }
            let started = Meter::start(self.servers);
            mark_published(&self.db, &mut lease, &marks).await?;
            claimed += started.elapsed();
            let started = Meter::start(self.servers);
            for batch in records.chunks(BATCH) {
                self.projector.handle(batch).await?;
            }
            projected += started.elapsed();
            carried += marks.len();
            progress.at(carried as u64);
        }
        leave(&self.db, &mut lease).await?;
        let each = |time: Duration| time.as_secs_f64() / carried as f64;
        Ok(Costs::from([
            ("claim and mark", each(claimed)),
            ("publish", each(published)),
            ("project", each(projected)),
        ]))
    }

    /// What an idle dispatcher does: the first to show that the unpublished rows are not found by an index.
    #[expect(clippy::cast_precision_loss, reason = "a count of polls")]
    async fn poll(&self) -> anyhow::Result<f64> {
        let started = Meter::start(self.servers);
        for _ in 0..POLLS {
            if !claim(&mut self.db.read().await?.conn(), Slots::ALL, 0, PAGE).await?.rows.is_empty() {
                bail!("an event waits");
            }
        }
        Ok(started.elapsed().as_secs_f64() / POLLS as f64)
    }

    /// A page of a list, from places all over it.
    #[expect(clippy::cast_precision_loss, reason = "a count of pages")]
    async fn page(&self, size: usize) -> anyhow::Result<f64> {
        let started = Meter::start(self.servers);
        for page in 0..PAGES {
            let after = DocId::Int(i64::try_from(size * page / PAGES)?);
            let query = Query {
                filters: vec![],
                sort: Sort::ascending("_id"),
                after: Some((Scalar::Null, after)),
                limit: PAGE_OF_A_LIST,
            };
            if self.views.find(&ORDERS, &query).await?.is_empty() {
                bail!("a page is empty");
            }
        }
        Ok(started.elapsed().as_secs_f64() / (PAGES * PAGE_OF_A_LIST as usize) as f64)
    }

    #[expect(clippy::cast_precision_loss, reason = "a count of events")]
    async fn verify(&self) -> anyhow::Result<f64> {
        let progress = Progress::of("  verifying", 0, "events");
        let started = Meter::start(self.servers);
        let verified = self.projector.verify(&self.db, false, |verified| progress.at(verified.read)).await?;
        if let Some(difference) = verified.differences.first() {
            bail!("{} differences, the first: {difference:?}", verified.differences.len());
        }
        Ok(started.elapsed().as_secs_f64() / verified.read as f64)
    }
}

fn record(outgoing: &Outgoing, at: esteira_bus::Position) -> Record {
    let new = outgoing.record(None);
    Record {
        topic: new.topic,
        partition: at.partition,
        offset: at.offset,
        timestamp_ms: None,
        key: new.key,
        value: new.value,
        headers: new.headers,
    }
}
