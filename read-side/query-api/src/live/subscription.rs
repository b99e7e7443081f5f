//! What one client is told.

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::Event;
use esteira_views::Filter;
use futures::Stream;
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::offsets::Offsets;
use super::reader::Change;
use super::{LiveLimits, Open};

/// When a client that lost its stream may come again.
const RETRY: Duration = Duration::from_secs(1);
/// The field of an order that changes and can be filtered by.
const CHANGING: &str = "status";

/// What a client has missed and is told beside what happens now.
pub(super) struct Missed {
    /// Closed once all is told.
    pub(super) changes: mpsc::Receiver<Result<Change, ()>>,
    pub(super) _replay: AbortOnDropHandle<()>,
}

/// From where a client that goes away now misses nothing.
#[derive(Debug)]
pub(super) struct Place {
    shared: Offsets,
    /// As long as there is something missed.
    replayed: Option<Offsets>,
}

impl Place {
    pub(super) fn new(shared: Offsets, replayed: Option<Offsets>) -> Self {
        Self { shared, replayed }
    }

    fn id(&self) -> String {
        match &self.replayed {
            Some(replayed) => replayed.earlier(&self.shared).encode(),
            None => self.shared.encode(),
        }
    }
}

/// An order that is not in the list any more, or never was.
#[derive(Serialize)]
struct Removed {
    id: i64,
    version: i64,
    /// Whether it is deleted; else it does not match the filters.
    deleted: bool,
}

/// An open stream.
pub(crate) struct Subscription {
    filters: Vec<Filter>,
    changes: broadcast::Receiver<Change>,
    missed: Option<Missed>,
    place: Place,
    /// The last state of each order that was told, as long as it comes from two sides.
    told: HashMap<i64, (i64, bool, i64)>,
    greeted: bool,
    over: bool,
    spoke: Instant,
    limits: LiveLimits,
    stop: CancellationToken,
    _open: Open,
}

/// What a subscription hears.
enum Heard {
    Now(Result<Change, RecvError>),
    Missed(Option<Result<Change, ()>>),
    Silence,
    Stop,
}

impl Subscription {
    pub(super) fn new(
        filters: Vec<Filter>,
        changes: broadcast::Receiver<Change>,
        place: Place,
        missed: Option<Missed>,
        limits: LiveLimits,
        stop: CancellationToken,
        open: Open,
    ) -> Self {
        Self {
            filters,
            changes,
            missed,
            place,
            told: HashMap::new(),
            greeted: false,
            over: false,
            spoke: Instant::now(),
            limits,
            stop,
            _open: open,
        }
    }

    pub(crate) fn events(self) -> impl Stream<Item = Result<Event, Infallible>> + Send {
        futures::stream::unfold(self, |mut subscription| async {
            let event = subscription.next().await?;
            subscription.spoke = Instant::now();
            Some((Ok(event), subscription))
        })
    }

    async fn next(&mut self) -> Option<Event> {
        if !self.greeted {
            self.greeted = true;
            return Some(self.event("ready").retry(RETRY).data("{}"));
        }
        while !self.over {
            match self.hear().await {
                Heard::Now(Ok(change)) => {
                    self.place.shared.clone_from(&change.untold);
                    if let Some(event) = self.tell(&change) {
                        return Some(event);
                    }
                }
                Heard::Missed(Some(Ok(change))) => {
                    self.place.replayed = Some(change.untold.as_ref().clone());
                    if let Some(event) = self.tell(&change) {
                        return Some(event);
                    }
                }
                Heard::Missed(None) => {
                    (self.missed, self.place.replayed) = (None, None);
                    self.told = HashMap::new();
                }
                Heard::Now(Err(RecvError::Lagged(_))) => {
                    self.over = true;
                    let reason = r#"{"reason":"slow_client"}"#;
                    return Some(self.event("closing").data(reason));
                }
                Heard::Silence => return Some(Event::default().comment("keep-alive").id(self.place.id())),
                Heard::Now(Err(RecvError::Closed)) | Heard::Missed(Some(Err(()))) | Heard::Stop => {
                    self.over = true;
                }
            }
        }
        None
    }

    async fn hear(&mut self) -> Heard {
        let missed = async {
            match &mut self.missed {
                Some(missed) => missed.changes.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            change = self.changes.recv() => Heard::Now(change),
            change = missed => Heard::Missed(change),
            () = sleep_until(self.spoke + self.limits.keep_alive) => Heard::Silence,
            () = self.stop.cancelled() => Heard::Stop,
        }
    }

    /// What `change` is to this client.
    fn tell(&mut self, change: &Change) -> Option<Event> {
        if self.missed.is_some() {
            let told = self.told.entry(change.order).or_insert(change.state);
            if *told > change.state {
                return None;
            }
            *told = change.state;
        }
        let Some(shown) = &change.shown else { return self.removed(change, true) };
        let refusing: Vec<_> =
            self.filters.iter().filter(|filter| !filter.matches(&shown.document)).collect();
        if refusing.is_empty() {
            return Some(self.event("order").data(&shown.json));
        }
        // At its first version it cannot have matched before.
        let left = change.version() > 1 && refusing.iter().all(|filter| is_of(filter, CHANGING));
        if left { self.removed(change, false) } else { None }
    }

    fn removed(&self, change: &Change, deleted: bool) -> Option<Event> {
        let removed = Removed { id: change.order, version: change.version(), deleted };
        self.event("removed").json_data(removed).ok()
    }

    fn event(&self, name: &str) -> Event {
        Event::default().event(name).id(self.place.id())
    }
}

fn is_of(filter: &Filter, field: &str) -> bool {
    match filter {
        Filter::Eq(path, _)
        | Filter::In(path, _)
        | Filter::Range { path, .. }
        | Filter::LessThan(path, _)
        | Filter::Contains(path, _)
        | Filter::EqIgnoreCase(path, _)
        | Filter::Missing(path) => path == field,
        Filter::AnyElement { array, .. } => array == field,
    }
}
