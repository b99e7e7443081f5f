//! The dispatcher: outbox rows to the event log.
//!
//! One owner of the lease at a time sweeps the unpublished rows, a page at a time, and marks what the log
//! has acknowledged. A row that the log refuses holds back its own aggregate only; a log that is away
//! pauses the sweep and marks nothing.

mod spans;
mod sweep;
mod waves;

use std::sync::Arc;
use std::time::Duration;

use esteira_bus::{Log, Pauses};
use esteira_events::Topics;
use esteira_outbox::{DISPATCHER, Lease, LeaseError, OutboxRow, acquire, claim, release};
use esteira_sql::Db;
use esteira_telemetry::{Stage, State};
use tokio::sync::Notify;
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

/// How a dispatcher works.
#[derive(Clone, Debug)]
pub struct DispatcherSettings {
    /// Names this process in the lease.
    pub owner: String,
    /// How long the lease outlives its owner.
    pub lease_ttl: Duration,
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

/// Rows that one claim has taken, and the id after which there may be more.
#[derive(Default)]
struct Page {
    rows: Vec<OutboxRow>,
    next: Option<i64>,
}

/// Why a sweep ended early.
#[derive(Debug, thiserror::Error)]
enum SweepError {
    #[error("the event log is not available: {0}")]
    Log(String),
    #[error(transparent)]
    Lease(#[from] LeaseError),
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
}

impl Dispatcher {
    /// Publishes until `stop`, then gives the lease up.
    pub async fn run(self, stop: CancellationToken) {
        let mut pauses = Pauses::new(SHORTEST_WAIT, LONGEST_PAUSE);
        while !stop.is_cancelled() {
            match acquire(&self.db, DISPATCHER, &self.settings.owner, self.settings.lease_ttl).await {
                Ok(Some(lease)) => {
                    tracing::info!(token = lease.token(), owner = %self.settings.owner, "dispatcher has the lease");
                    self.work(lease, &stop).await;
                    pauses.reset();
                }
                Ok(None) => {
                    // A standby does its work by waiting.
                    self.stage.ready_for(STALL.max(self.settings.lease_ttl));
                    sleep(self.settings.lease_ttl / 4, &stop).await;
                }
                Err(error) => {
                    self.stage.paused(format!("the write store is not available: {error}"));
                    pauses.rest(&stop).await;
                }
            }
        }
    }

    /// Sweeps while the lease is held.
    async fn work(&self, mut lease: Lease, stop: &CancellationToken) {
        let mut polls = Pauses::new(SHORTEST_WAIT, self.settings.poll_interval.max(SHORTEST_WAIT));
        let mut pauses = Pauses::new(SHORTEST_WAIT, LONGEST_PAUSE);
        while !stop.is_cancelled() {
            match self.sweep(&mut lease, stop).await {
                Ok(0) => {
                    self.stage.ready_for(STALL.max(2 * self.settings.poll_interval));
                    pauses.reset();
                    tokio::select! {
                        () = self.committed.notified() => {}
                        () = polls.rest(stop) => {}
                    }
                }
                Ok(_) => {
                    self.stage.ready_for(STALL);
                    pauses.reset();
                    polls.reset();
                }
                Err(SweepError::Lease(LeaseError::Lost(_))) => {
                    tracing::warn!(token = lease.token(), "dispatcher lost the lease");
                    return;
                }
                Err(error) => {
                    self.stage.paused(&error);
                    pauses.rest(stop).await;
                }
            }
        }
        if let Err(error) = release(&self.db, &lease).await {
            tracing::warn!(%error, "dispatcher could not give the lease up");
        }
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
        let mut page = self.claim(0).await?;
        let mut pages = 0;
        while !page.rows.is_empty() && !stop.is_cancelled() {
            self.keep(sweep.lease).await?;
            let before = sweep.published;
            // The next page is read while this one is on its way.
            let next = async {
                match page.next.filter(|_| pages + 1 < PAGES) {
                    Some(after) => self.claim(after).await,
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

    async fn claim(&self, after: i64) -> Result<Page, SweepError> {
        let mut reader = self.db.read().await?;
        let rows = claim(&mut reader.conn(), after, self.settings.page).await?;
        let next = rows.last().filter(|_| rows.len() >= self.settings.page as usize).map(|last| last.id);
        Ok(Page { rows, next })
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

async fn sleep(duration: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(duration) => {}
        () = stop.cancelled() => {}
    }
}
