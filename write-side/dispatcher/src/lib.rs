//! The dispatcher: outbox rows to the event log.
//!
//! The dispatchers of an outbox share its slots. Each sweeps the unpublished rows of its own, a page at a time, and marks
//! what the log has acknowledged. A row that the log refuses holds back its own aggregate only; a log that is away
//! pauses the sweep and marks nothing.

mod spans;
mod sweep;
mod waves;

use std::sync::Arc;
use std::time::Duration;

use esteira_bus::{Log, Pauses};
use esteira_events::Topics;
use esteira_outbox::{Lease, LeaseError, Page, SLOTS, Slots, balance, claim, leave, take_over};
use esteira_sql::Db;
use esteira_telemetry::{Stage, State};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::sweep::Sweep;

const SHORTEST_WAIT: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A page that takes longer is a stall that somebody should look at.
const STALL: Duration = Duration::from_secs(30);
/// The most pages of a sweep that publish something. Under load a sweep would never reach the end, while a row with a
/// low id that committed late waits for the next sweep, which begins at 0. Pages full of blocked keys do not count:
/// else many of them would hide what lies behind.
const PAGES: usize = 16;
/// How often in its lease's time a dispatcher looks at the shares.
const BALANCES: u32 = 6;

/// How a dispatcher works.
#[derive(Clone, Debug)]
pub struct DispatcherSettings {
    /// Names this process among the dispatchers.
    pub owner: String,
    /// How long the lease outlives its owner.
    pub lease_ttl: Duration,
    /// Nobody else has the store open: a dispatcher that is known there was killed.
    pub alone: bool,
    /// No send begins with less of the lease left: the time within which the log acknowledges or gives up.
    pub send_margin: Duration,
    /// The longest wait between two looks at an empty outbox (`OUTBOX_POLL_INTERVAL`).
    pub poll_interval: Duration,
    /// Rows a page.
    pub page: u32,
}

/// Publishes one outbox.
#[derive(Clone)]
pub struct Dispatcher {
    pub db: Db,
    pub log: Arc<dyn Log>,
    pub topics: Topics,
    pub settings: DispatcherSettings,
    /// Woken by commits of the same process.
    pub committed: Arc<Notify>,
    pub stage: Stage,
}

/// Why a sweep ended early.
#[derive(Debug, thiserror::Error)]
enum SweepError {
    #[error("the event log is not available: {0}")]
    Log(String),
    #[error(transparent)]
    Lease(#[from] LeaseError),
    #[error("the write store is not available: {0}")]
    Sql(#[from] sqlx::Error),
}

impl Dispatcher {
    /// Publishes until `stop`, then leaves its slots to others.
    pub async fn run(self, stop: CancellationToken) {
        let mut lease = self.lease();
        let mut polls = Pauses::new(SHORTEST_WAIT, self.settings.poll_interval.max(SHORTEST_WAIT));
        let mut pauses = Pauses::new(SHORTEST_WAIT, LONGEST_PAUSE);
        if self.settings.alone {
            self.take_over(&mut pauses, &stop).await;
        }
        while !stop.is_cancelled() {
            match self.turn(&mut lease, &mut polls, &stop).await {
                Ok(()) => pauses.reset(),
                Err(SweepError::Lease(LeaseError::Lost(_))) => {
                    tracing::warn!(owner = %self.settings.owner, "dispatcher lost its slots");
                    self.leave(&mut lease).await;
                    lease = self.lease();
                }
                Err(error) => {
                    self.stage.paused(&error);
                    if matches!(error, SweepError::Log(_)) {
                        // Others may reach the log.
                        self.leave(&mut lease).await;
                    }
                    pauses.rest(&stop).await;
                }
            }
        }
        self.leave(&mut lease).await;
    }

    /// Takes the slots of one that was killed, however long the store cannot be written.
    async fn take_over(&self, pauses: &mut Pauses, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            match take_over(&self.db).await {
                Ok(()) => break,
                Err(error) => self.stage.paused(SweepError::Sql(error)),
            }
            pauses.rest(stop).await;
        }
        pauses.reset();
    }

    fn lease(&self) -> Lease {
        Lease::new(&self.settings.owner, self.settings.lease_ttl)
    }

    async fn leave(&self, lease: &mut Lease) {
        if let Err(error) = leave(&self.db, lease).await {
            tracing::warn!(%error, "dispatcher could not give its slots up");
        }
    }

    /// Brings the slots to this dispatcher's share, and sweeps them until it is time to look at the shares again. Without
    /// the log it takes no slot.
    async fn turn(
        &self,
        lease: &mut Lease,
        polls: &mut Pauses,
        stop: &CancellationToken,
    ) -> Result<(), SweepError> {
        if Slots::of(lease).is_empty() {
            self.log.describe().await.map_err(|error| SweepError::Log(error.to_string()))?;
        }
        self.balance(lease).await?;
        let until = Instant::now() + self.settings.lease_ttl / BALANCES;
        if Slots::of(lease).is_empty() {
            // A standby does its work by waiting.
            self.stage.ready_for(STALL.max(self.settings.lease_ttl));
            rest(until, stop).await;
        }
        while Instant::now() < until && !stop.is_cancelled() {
            if self.sweep(lease, stop).await? > 0 {
                self.stage.ready_for(STALL);
                polls.reset();
                continue;
            }
            self.stage.ready_for(STALL.max(2 * self.settings.poll_interval));
            tokio::select! {
                () = self.committed.notified() => {}
                () = polls.rest(stop) => {}
                () = sleep_until(until) => {}
            }
        }
        Ok(())
    }

    async fn balance(&self, lease: &mut Lease) -> Result<(), LeaseError> {
        let before = Slots::of(lease);
        balance(&self.db, lease).await?;
        let slots = Slots::of(lease);
        if slots != before {
            tracing::info!(slots = slots.len(), of = SLOTS, owner = %self.settings.owner, "dispatcher has slots");
        }
        Ok(())
    }

    /// One pass over the unpublished rows; how many were published.
    async fn sweep(&self, lease: &mut Lease, stop: &CancellationToken) -> Result<usize, SweepError> {
        let mut sweep = Sweep::new(lease);
        let outcome = self.pages(&mut sweep, stop).await;
        // Whatever became of the rest, what is published is marked before the next sweep begins at 0.
        self.mark_all(&mut sweep).await?;
        outcome.map(|()| sweep.published)
    }

    async fn pages(&self, sweep: &mut Sweep<'_>, stop: &CancellationToken) -> Result<(), SweepError> {
        let slots = sweep.slots;
        let mut page = self.claim(slots, 0).await?;
        let mut pages = 0;
        while !page.is_end() && !stop.is_cancelled() {
            self.keep(sweep.lease).await?;
            let before = sweep.published;
            // The next page is read while this one is on its way.
            let next = async {
                match page.next.filter(|_| pages + 1 < PAGES) {
                    Some(after) => self.claim(slots, after).await,
                    None => Ok(Page::default()),
                }
            };
            let (outcome, next) = tokio::join!(self.publish(sweep, page.rows), next);
            outcome?;
            page = next?;
            pages += usize::from(sweep.published > before);
        }
        Ok(())
    }

    async fn claim(&self, slots: Slots, after: i64) -> Result<Page, SweepError> {
        let mut reader = self.db.read().await?;
        Ok(claim(&mut reader.conn(), slots, after, self.settings.page).await?)
    }

    /// Renews the lease where too little of it is left for a send.
    async fn keep(&self, lease: &mut Lease) -> Result<(), SweepError> {
        if matches!(self.stage.report().state, State::Ready | State::Stalled) {
            self.stage.ready_for(STALL);
        }
        if lease.remaining() < self.settings.send_margin + self.settings.lease_ttl / 3 {
            lease.renew(&self.db).await?;
        }
        Ok(())
    }
}

async fn rest(until: Instant, stop: &CancellationToken) {
    tokio::select! {
        () = sleep_until(until) => {}
        () = stop.cancelled() => {}
    }
}
