//! The projector as a consumer group's handler.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use esteira_bus::{Handler, Log, Outage, Record};
use esteira_events::{EventType, Topics};
use esteira_sql::Db;
use esteira_views::{DocId, Views};
use tokio::sync::{Mutex, watch};

use crate::dead::{Undecodable, away};
use crate::incoming::Incoming;

/// The Go projector's consumer group, so that a switch-over continues at its committed offsets.
pub const GROUP: &str = "query-consumer";

/// Every topic that a view is made of.
pub const TOPICS: [EventType; 13] = [
    EventType::UserCreated,
    EventType::UserUpdated,
    EventType::UserDeleted,
    EventType::ProductCreated,
    EventType::ProductUpdated,
    EventType::ProductDeleted,
    EventType::StockReserved,
    EventType::StockReleased,
    EventType::OrderCreated,
    EventType::OrderUpdated,
    EventType::OrderPaid,
    EventType::OrderCanceled,
    EventType::OrderDeleted,
];

/// How often waiting events are looked through, in case nobody woke one.
const SWEEP: Duration = Duration::from_secs(2);
const PAGE: u32 = 256;

/// Projects events into views.
pub struct Projector {
    pub(crate) views: Arc<dyn Views>,
    pub(crate) log: Arc<dyn Log>,
    /// Where the outbox is; needed only to take over views that a Go projector wrote.
    pub(crate) store: Option<Db>,
    pub(crate) topics: Topics,
    pub(crate) group: String,
    /// Counts rounds of writes, for readers in the same process that wait for a version.
    pub(crate) seen: watch::Sender<u64>,
    sweep: Mutex<Sweep>,
}

struct Sweep {
    last: Option<Instant>,
    after: Option<DocId>,
}

impl Projector {
    pub fn new(
        views: Arc<dyn Views>,
        log: Arc<dyn Log>,
        store: Option<Db>,
        topics: Topics,
        group: String,
    ) -> Self {
        let seen = watch::Sender::new(0);
        Self { views, log, store, topics, group, seen, sweep: Mutex::new(Sweep { last: None, after: None }) }
    }

    /// Changes with every round of writes.
    pub fn seen(&self) -> watch::Receiver<u64> {
        self.seen.subscribe()
    }

    /// Splits records into events and what is none.
    fn decode(&self, records: &[Record]) -> (Vec<Incoming>, Vec<Undecodable>) {
        let (mut events, mut rest) = (Vec::with_capacity(records.len()), Vec::new());
        for record in records {
            match self.topics.decode(&record.topic, record.value.as_deref()) {
                Ok(event) => events.push(Incoming::new(event, record.clone())),
                Err(error) => rest.push(Undecodable { record: record.clone(), error: error.to_string() }),
            }
        }
        (events, rest)
    }

    /// A page of the waiting events goes through the gate again, now and then.
    async fn sweep(&self) -> Result<(), Outage> {
        let mut sweep = self.sweep.lock().await;
        if sweep.last.is_some_and(|last| last.elapsed() < SWEEP) {
            return Ok(());
        }
        let (waiting, next) = self.parking_place().waiting(sweep.after.take(), PAGE).await.map_err(away)?;
        self.apply(waiting).await?;
        // More pages follow at the next tick.
        sweep.last = next.is_none().then(Instant::now);
        sweep.after = next;
        Ok(())
    }
}

#[async_trait]
impl Handler for Projector {
    async fn prepare(&self) -> Result<(), Outage> {
        self.take_over().await
    }

    async fn handle(&self, records: &[Record]) -> Result<(), Outage> {
        let (events, undecodable) = self.decode(records);
        // Sound events first: a queue that cannot be written holds back the offsets, not the views.
        self.apply(events).await?;
        self.bury_undecodable(undecodable).await
    }

    async fn tick(&self) -> Result<(), Outage> {
        let due = self.parking_place().retries(PAGE).await.map_err(away)?;
        self.apply(due).await?;
        self.sweep().await
    }
}
