//! A platform under load: the fault is caused, healed and waited out, and then the books are checked.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use esteira_testkit::eventually;

use crate::harness::client::{Receipt, Shop};
use crate::harness::load::{Load, Plan};
use crate::harness::oracle::Oracle;
use crate::harness::platform::{ALL, Platform, ROLES};
use crate::report::Outcome;

/// How long everything may take to agree after the fault.
const PATIENCE: Duration = Duration::from_mins(5);
/// Each look reads every store.
const PAUSE: Duration = Duration::from_millis(200);

pub struct Trial {
    pub platform: Platform,
    pub shop: Shop,
    /// What was acknowledged besides the load.
    pub ledger: Vec<Receipt>,
    pub stock: BTreeMap<i64, i64>,
    pub notes: Vec<String>,
    /// Dead letters are part of the fault.
    pub letters: bool,
    /// Whether the log itself is to be in order, without the gate's help.
    pub in_order: bool,
    /// Whether `esteira verify` is asked too.
    pub verify: bool,
    load: Option<Load>,
    begun: Option<(Instant, u64)>,
    held: Option<f64>,
    healed: Option<Instant>,
}

impl Trial {
    /// Starts a process a role, and `more`; or the one process of the embedded engines.
    pub async fn start(mut platform: Platform, more: &[&str]) -> Self {
        if platform.is_one_process() {
            platform.start(ALL).await;
        } else {
            let roles: Vec<&str> = ROLES.iter().chain(more).copied().collect();
            platform.start_all(&roles).await;
        }
        // Longer than the longest outage.
        let shop = Shop::new(platform.ports).patient(PATIENCE);
        Self::with(platform, shop)
    }

    /// A platform that runs, and the clients that talk to it.
    pub fn with(platform: Platform, shop: Shop) -> Self {
        Self {
            platform,
            shop,
            ledger: Vec::new(),
            stock: BTreeMap::new(),
            notes: Vec::new(),
            letters: false,
            in_order: false,
            verify: false,
            load: None,
            begun: None,
            held: None,
            healed: None,
        }
    }

    pub async fn load(&mut self, plan: Plan) {
        let load = Load::start(&self.shop, plan).await;
        self.stock.extend(&load.stock);
        self.load = Some(load);
        self.accepted(20).await;
    }

    /// A product for the fault's own orders.
    pub async fn product(&mut self, stock: i64) -> i64 {
        let product = self.shop.product("product", stock).await;
        self.stock.insert(product, stock);
        product
    }

    /// How many orders a second are accepted from clients that do not wait.
    pub async fn capacity(&mut self) -> u32 {
        const SECONDS: u32 = 10;
        let before = self.orders();
        self.load(Plan { orders: None, rate: None }).await;
        self.fault();
        tokio::time::sleep(Duration::from_secs(SECONDS.into())).await;
        let orders = u32::try_from(self.orders() - before).unwrap();
        self.healed().await;
        orders / SECONDS
    }

    fn orders(&self) -> u64 {
        self.shop.answers.orders.load(Ordering::Relaxed)
    }

    /// How many commands were answered so far.
    pub fn commands(&self) -> u64 {
        self.shop.answers.commands.load(Ordering::Relaxed)
    }

    /// The products that are there.
    pub fn products(&self) -> impl Iterator<Item = i64> {
        self.stock.keys().copied()
    }

    /// How many commands were answered with 503 so far.
    pub fn refused(&self) -> u64 {
        self.shop.answers.unavailable.load(Ordering::Relaxed)
    }

    /// Waits until clients have been told of so many more orders.
    pub async fn accepted(&self, more: u64) {
        let wanted = self.orders() + more;
        eventually(&format!("{more} more orders are accepted"), || async {
            (self.orders() >= wanted).then_some(())
        })
        .await;
    }

    /// From here on the load that is held is measured.
    pub fn fault(&mut self) {
        self.begun = Some((Instant::now(), self.orders()));
    }

    /// The fault is over: the load ends, and the time until all is well counts.
    pub async fn healed(&mut self) {
        let (begun, before) = self.begun.expect("the fault has begun");
        let orders = u32::try_from(self.orders() - before).unwrap();
        self.held = Some(f64::from(orders) / begun.elapsed().as_secs_f64());
        self.healed = Some(Instant::now());
        if let Some(load) = self.load.take() {
            self.ledger.extend(load.finish().await);
        }
    }

    pub async fn oracle(&self) -> Oracle {
        let mut oracle = Oracle::of(&self.platform).await;
        oracle.letters = self.letters;
        oracle
    }

    async fn verified(&self) -> Result<(), String> {
        let mut verify = self.platform.command("verify");
        let verified = tokio::task::spawn_blocking(move || verify.status().unwrap()).await.unwrap();
        if verified.success() { Ok(()) } else { Err("esteira verify finds differences".to_owned()) }
    }

    /// Waits until everything agrees, and counts.
    pub async fn books(mut self, done: impl Into<String>) -> Outcome {
        let oracle = self.oracle().await;
        let healed = self.healed.unwrap_or_else(Instant::now);
        let deadline = Instant::now() + PATIENCE;
        let mut verdict = oracle.is_quiet(&self.ledger, &self.stock).await;
        while verdict.is_err() && Instant::now() < deadline {
            tokio::time::sleep(PAUSE).await;
            verdict = oracle.is_quiet(&self.ledger, &self.stock).await;
        }
        let recovery = healed.elapsed();
        let losses = oracle.losses(&self.ledger).await;
        let mut verdict = match verdict {
            Ok(()) => oracle.agrees(&self.ledger, &self.stock).await,
            unquiet => unquiet,
        };
        if verdict.is_ok() && self.in_order {
            verdict = oracle.log_is_in_order().await;
        }
        if verdict.is_ok() && self.verify {
            verdict = self.verified().await;
        }
        if let Err(difference) = verdict {
            panic!("{difference} (lost {}, doubled {})", losses.lost, losses.doubled);
        }
        let strange = self.shop.answers.strange.lock().unwrap().clone();
        assert!(strange.is_empty(), "answers out of contract: {strange:?}");
        self.platform.stop_all().await;
        self.notes.push(format!("{} orders, {} events", self.ledger.len(), losses.events));
        if losses.sent_again > 0 {
            self.notes.push(format!("{} records are in Kafka twice under one id", losses.sent_again));
        }
        Outcome {
            done: done.into(),
            held: self.held,
            recovery: self.healed.map(|_| recovery),
            lost: losses.lost,
            doubled: losses.doubled,
            notes: self.notes,
        }
    }
}
