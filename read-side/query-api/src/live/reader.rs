//! From records to changes that the views show.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use esteira_bus::{Log, LogError, Record, Tail};
use esteira_events::{EventType, Topics};
use esteira_views::{DocId, Document, ORDERS, TOMBSTONES, Views, ViewsError, tombstone_id};
use tokio::sync::watch;

use super::awaited::{Awaited, Standing, Wanted};
use super::offsets::{Offsets, Spot};
use crate::consistency::rest;
use crate::resources::shown_order;

/// The topics of the orders. Their order is part of every event's id.
const EVENTS: [EventType; 5] = [
    EventType::OrderCreated,
    EventType::OrderUpdated,
    EventType::OrderPaid,
    EventType::OrderCanceled,
    EventType::OrderDeleted,
];

const BATCH: usize = 1_000;
/// With so many orders whose views are behind, no more records are read.
const MOST_AWAITED: usize = 100_000;
const IDLE: Duration = Duration::from_millis(250);
const FIRST_PAUSE: Duration = Duration::from_millis(2);

/// An order as its view shows it after a change, or no longer.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) order: i64,
    /// Grows with every change of an order.
    pub(super) state: (i64, bool, i64),
    /// `None` where it is deleted.
    pub(super) shown: Option<Arc<Shown>>,
    /// Whoever goes on from here misses nothing.
    pub(super) untold: Arc<Offsets>,
}

impl Change {
    pub(super) fn version(&self) -> i64 {
        self.state.0
    }
}

#[derive(Debug)]
pub(super) struct Shown {
    pub(super) document: Document,
    /// As the list has it.
    pub(super) json: String,
}

/// Why a reader cannot go on now.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Views(#[from] ViewsError),
}

impl Trouble {
    /// Whether waiting helps.
    pub(super) fn is_outage(&self) -> bool {
        match self {
            Self::Log(LogError::Unavailable(_)) | Self::Views(ViewsError::Unavailable(_)) => true,
            Self::Log(LogError::Conflict(_) | LogError::Invalid(_))
            | Self::Views(ViewsError::Rejected(_)) => false,
        }
    }
}

/// Where readers read.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) log: Arc<dyn Log>,
    pub(super) views: Arc<dyn Views>,
    pub(super) topics: Topics,
    /// Changes with every write of the projector of this process, if it has one.
    pub(super) projected: Option<watch::Receiver<u64>>,
}

impl Source {
    pub(super) fn topics(&self) -> Vec<String> {
        self.topics.names(&EVENTS)
    }
}

/// Reads the orders' topics and tells each change once the view shows it.
pub(super) struct Reader {
    source: Source,
    topics: Vec<String>,
    tail: Box<dyn Tail>,
    next: Offsets,
    /// What is at or behind this is somebody else's to tell.
    until: Option<Offsets>,
    awaited: Awaited,
    pause: Duration,
}

impl Reader {
    pub(super) async fn open(
        source: &Source,
        from: Offsets,
        until: Option<Offsets>,
    ) -> Result<Self, LogError> {
        let topics = source.topics();
        let tail = source.log.tail(&from.places(&topics)).await?;
        let (source, awaited) = (source.clone(), Awaited::default());
        Ok(Self { source, topics, tail, next: from, until, awaited, pause: FIRST_PAUSE })
    }

    /// Waits a little for records or for views, and answers what has become visible. Safe to call again after an error.
    pub(super) async fn step(&mut self) -> Result<Vec<Change>, Trouble> {
        let records = self.take().await?;
        for record in &records {
            self.note(record);
        }
        let changes = self.visible().await?;
        let progress = !records.is_empty() || !changes.is_empty();
        self.pause = if progress { FIRST_PAUSE } else { (self.pause * 2).min(IDLE) };
        Ok(changes)
    }

    /// The next offsets to read.
    pub(super) fn next(&self) -> &Offsets {
        &self.next
    }

    pub(super) fn untold(&self) -> Offsets {
        self.awaited.untold(&self.next)
    }

    /// Whether everything before `until` is told, but what was given up.
    pub(super) fn is_done(&self) -> bool {
        self.until.as_ref().is_some_and(|until| self.next.reaches(until)) && !self.awaited.holds()
    }

    async fn take(&mut self) -> Result<Vec<Record>, LogError> {
        if self.awaited.is_empty() {
            return self.tail.take(BATCH, IDLE).await;
        }
        if self.awaited.len() >= MOST_AWAITED {
            rest(&mut self.source.projected, self.pause).await;
            return Ok(Vec::new());
        }
        tokio::select! {
            records = self.tail.take(BATCH, self.pause) => records,
            () = rest(&mut self.source.projected, self.pause) => Ok(Vec::new()),
        }
    }

    /// An undecodable record changes no view.
    fn note(&mut self, record: &Record) {
        let topic = self.topics.iter().position(|topic| *topic == record.topic);
        let (Some(topic), Ok(partition)) = (topic, usize::try_from(record.partition)) else { return };
        let at = Spot { topic, partition, offset: record.offset };
        self.next.pass(at);
        let end = self.until.as_ref().and_then(|until| until.get(topic, partition));
        if end.is_some_and(|end| record.offset >= end) {
            return;
        }
        if let Ok(event) = self.source.topics.decode(&record.topic, record.value.as_deref()) {
            self.awaited.add(event.aggregate_id(), Wanted::of(&event), at);
        }
    }

    async fn visible(&mut self) -> Result<Vec<Change>, Trouble> {
        let ids = self.awaited.next(BATCH);
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        // Seen before looking: what is projected after that ends the next pause at once.
        if let Some(projected) = &mut self.source.projected {
            projected.mark_unchanged();
        }
        let views = &self.source.views;
        let keys: Vec<_> = ids.iter().map(|id| DocId::Int(*id)).collect();
        let mut documents = by_id(views.get(&ORDERS, &keys).await?);
        // A tombstone is written before its document is deleted, so that it is read second.
        let gone: Vec<_> = ids.iter().map(|id| tombstone_id("order", *id)).collect();
        let tombstones = by_id(views.get(&TOMBSTONES, &gone).await?);
        let mut changes = Vec::new();
        for id in ids {
            let document = documents.remove(&DocId::Int(id));
            let tombstone = tombstones.get(&tombstone_id("order", id));
            if self.awaited.settle(id, &standing(document.as_ref(), tombstone)) {
                changes.extend(self.change(id, document, tombstone));
            }
        }
        Ok(changes)
    }

    fn change(&self, order: i64, document: Option<Document>, tombstone: Option<&Document>) -> Option<Change> {
        let untold = Arc::new(self.untold());
        if let Some(tombstone) = tombstone {
            return Some(Change { order, state: (tombstone.version(), true, 0), shown: None, untold });
        }
        let document = document?;
        let state = (document.version(), false, document.revision());
        let json = shown_order(document.clone())
            .inspect_err(|error| tracing::error!(order_id = order, %error, "a view is unreadable"))
            .ok()?;
        Some(Change { order, state, shown: Some(Arc::new(Shown { document, json })), untold })
    }
}

fn by_id(documents: Vec<Document>) -> HashMap<DocId, Document> {
    documents.into_iter().map(|document| (document.id.clone(), document)).collect()
}

fn standing(document: Option<&Document>, tombstone: Option<&Document>) -> Standing {
    let applied = document.and_then(|document| document.body.get("applied")?.as_array());
    let ids = applied.into_iter().flatten().filter_map(|id| id.as_str().map(str::to_owned));
    Standing {
        version: [document, tombstone].into_iter().flatten().map(Document::version).max().unwrap_or(0),
        applied: ids.collect(),
        deleted: tombstone.is_some(),
    }
}
