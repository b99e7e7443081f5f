//! Live queries: the changes of orders as server-sent events.
//!
//! One [`Reader`] a process tails the orders' topics, outside of any group, as long as somebody listens, and tells a
//! change once the view shows it. Whoever resumes has a reader of its own for what it has missed.

mod awaited;
mod feed;
mod offsets;
mod reader;
mod subscription;

use std::sync::Arc;
use std::time::Duration;

use esteira_bus::{Log, LogError};
use esteira_events::Topics;
use esteira_telemetry::metrics::QUERY_STREAMS;
use esteira_views::{Filter, Views};
use esteira_web::Problem;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, broadcast, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use self::feed::{Feed, Progress};
use self::offsets::{Bounds, Offsets};
use self::reader::{Change, Reader, Source};
pub(crate) use self::subscription::Subscription;
use self::subscription::{Missed, Place};
use crate::failure::log_problem;

/// Changes that a replay has ready.
const REPLAYED: usize = 64;
/// When one of many streams may have ended.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// What the streams of a process may take.
#[derive(Clone, Copy, Debug)]
pub struct LiveLimits {
    /// Streams that are open at once.
    pub streams: usize,
    /// Changes that a client may be behind before its stream is closed.
    pub behind: usize,
    /// How often an idle stream shows that it is alive, and where it stands.
    pub keep_alive: Duration,
    /// How long the log is read on after the last stream has ended.
    pub linger: Duration,
}

impl Default for LiveLimits {
    fn default() -> Self {
        let (keep_alive, linger) = (Duration::from_secs(15), Duration::from_secs(30));
        Self { streams: 256, behind: 1_024, keep_alive, linger }
    }
}

/// The live orders of a process.
pub struct LiveOrders {
    source: Source,
    /// The projector's, to know what the views do not show yet; it is never joined.
    group: String,
    limits: LiveLimits,
    stop: CancellationToken,
    places: Arc<Semaphore>,
    feed: Arc<Mutex<Option<Feed>>>,
}

impl LiveOrders {
    /// `group` is the projector's. `projected` changes with every write of the projector of this process.
    pub fn new(
        log: Arc<dyn Log>,
        views: Arc<dyn Views>,
        topics: Topics,
        group: String,
        projected: Option<watch::Receiver<u64>>,
    ) -> Self {
        let limits = LiveLimits::default();
        Self {
            source: Source { log, views, topics, projected },
            group,
            limits,
            stop: CancellationToken::new(),
            places: Arc::new(Semaphore::new(limits.streams)),
            feed: Arc::default(),
        }
    }

    #[must_use]
    pub fn limited(self, limits: LiveLimits) -> Self {
        Self { limits, places: Arc::new(Semaphore::new(limits.streams)), ..self }
    }

    /// Ends every stream at `stop`.
    #[must_use]
    pub fn until(self, stop: CancellationToken) -> Self {
        Self { stop, ..self }
    }

    /// A stream of the orders that match `filters`, from `last` on, which is the id of an event, or else from now on.
    pub(crate) async fn subscribe(
        &self,
        filters: Vec<Filter>,
        last: Option<&str>,
    ) -> Result<Subscription, Problem> {
        let open = self.open()?;
        let last = last.map(|text| self.event_id(text)).transpose()?;
        let (changes, progress) = self.listen().await.map_err(log_problem)?;
        let missed = match last {
            Some(last) => self.missed(&last, &progress).await?,
            None => None,
        };
        let place = Place::new(progress.untold, missed.as_ref().map(|(from, _)| from.clone()));
        let missed = missed.map(|(_, missed)| missed);
        Ok(Subscription::new(filters, changes, place, missed, self.limits, self.stop.clone(), open))
    }

    fn open(&self) -> Result<Open, Problem> {
        let places = Arc::clone(&self.places);
        let permit = places.try_acquire_owned().map_err(|_| {
            let detail = format!("{} streams are open, the most of this process", self.limits.streams);
            Problem::unavailable("too_many_streams", detail, RETRY_AFTER)
        })?;
        QUERY_STREAMS.change([], 1.0);
        Ok(Open { _permit: permit })
    }

    fn event_id(&self, text: &str) -> Result<Offsets, Problem> {
        Offsets::decode(text, self.source.topics().len()).ok_or_else(|| {
            Problem::invalid_field("Last-Event-ID", text, "must be the id of an event of this stream")
        })
    }

    /// Listens to the shared reader, which is started where it does not run. What it told before is before
    /// [`Progress::next`].
    async fn listen(&self) -> Result<(broadcast::Receiver<Change>, Progress), LogError> {
        let mut feed = self.feed.lock().await;
        if let Some(listening) = feed.as_ref().and_then(Feed::listen) {
            return Ok(listening);
        }
        let bounds = self.bounds().await?;
        // From where the projector goes on, and not from the end: what is not in the views yet is a change to come.
        let reader = Reader::open(&self.source, bounds.projected.clone(), None).await?;
        let progress = Progress { next: bounds.projected.clone(), untold: bounds.projected };
        let (receiver, feeding) =
            feed::start(reader, progress.clone(), self.limits.behind, &mut feed, &self.feed);
        tokio::spawn(feeding.run(self.limits.linger, self.stop.clone()));
        Ok((receiver, progress))
    }

    async fn bounds(&self) -> Result<Bounds, LogError> {
        Bounds::look(self.source.log.as_ref(), &self.group, &self.source.topics()).await
    }

    /// What lies between `last` and the shared reader.
    async fn missed(&self, last: &Offsets, shared: &Progress) -> Result<Option<(Offsets, Missed)>, Problem> {
        let from = self.bounds().await.map_err(log_problem)?.resume(last).ok_or_else(|| {
            let detail = "the log no longer has what came after this event: read the list, and open a stream without \
                          Last-Event-ID before that";
            Problem::new(axum::http::StatusCode::GONE, "event_id_expired", detail)
        })?;
        if from.reaches(&shared.next) {
            return Ok(None);
        }
        let reader = Reader::open(&self.source, from.clone(), Some(shared.next.clone())).await;
        let (sender, changes) = mpsc::channel(REPLAYED);
        let replay = tokio::spawn(feed::replay(reader.map_err(log_problem)?, sender, self.stop.clone()));
        Ok(Some((from, Missed { changes, _replay: AbortOnDropHandle::new(replay) })))
    }
}

/// A place among the streams, as long as it lives.
pub(crate) struct Open {
    _permit: OwnedSemaphorePermit,
}

impl Drop for Open {
    fn drop(&mut self) {
        QUERY_STREAMS.change([], -1.0);
    }
}
