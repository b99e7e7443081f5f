//! The reader that all streams share, and the one that a resumed stream has besides.

use std::sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError};
use std::time::Duration;

use esteira_bus::Pauses;
use tokio::sync::{Mutex, broadcast, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::offsets::Offsets;
use super::reader::{Change, Reader};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The shared reader, as those see it who listen.
pub(super) struct Feed {
    changes: broadcast::WeakSender<Change>,
    progress: Arc<StdMutex<Progress>>,
}

/// How far the shared reader has come.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    /// The next offsets that it reads.
    pub(super) next: Offsets,
    /// Where what it has not told begins.
    pub(super) untold: Offsets,
}

impl Feed {
    /// `None` where the reader has ended. What it told before is before [`Progress::next`].
    pub(super) fn listen(&self) -> Option<(broadcast::Receiver<Change>, Progress)> {
        let receiver = self.changes.upgrade()?.subscribe();
        Some((receiver, lock(&self.progress).clone()))
    }
}

fn lock(progress: &StdMutex<Progress>) -> MutexGuard<'_, Progress> {
    progress.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The shared reader at work.
pub(super) struct Feeding {
    reader: Reader,
    changes: broadcast::Sender<Change>,
    progress: Arc<StdMutex<Progress>>,
    /// Empty once this has ended because nobody listened.
    place: Arc<Mutex<Option<Feed>>>,
}

/// Puts a feed of `reader` into `feed`, which `place` holds. A listener may be `behind` by so many changes.
pub(super) fn start(
    reader: Reader,
    progress: Progress,
    behind: usize,
    feed: &mut Option<Feed>,
    place: &Arc<Mutex<Option<Feed>>>,
) -> (broadcast::Receiver<Change>, Feeding) {
    let (changes, receiver) = broadcast::channel(behind);
    let progress = Arc::new(StdMutex::new(progress));
    *feed = Some(Feed { changes: changes.downgrade(), progress: Arc::clone(&progress) });
    (receiver, Feeding { reader, changes, progress, place: Arc::clone(place) })
}

impl Feeding {
    /// Tells changes until nobody has listened for `linger`. That the sender is dropped ends the streams.
    pub(super) async fn run(mut self, linger: Duration, stop: CancellationToken) {
        let mut pauses = Pauses::new(FIRST_PAUSE, LONGEST_PAUSE);
        let mut listened = Instant::now();
        while !stop.is_cancelled() {
            let changes = tokio::select! {
                changes = self.reader.step() => changes,
                () = stop.cancelled() => return,
            };
            match changes {
                Ok(changes) => {
                    pauses.reset();
                    self.tell(changes);
                }
                Err(trouble) if trouble.is_outage() => {
                    tracing::warn!(%trouble, "live orders wait");
                    pauses.rest(&stop).await;
                }
                Err(trouble) => return tracing::error!(%trouble, "live orders end"),
            }
            if self.changes.receiver_count() > 0 {
                listened = Instant::now();
            } else if listened.elapsed() >= linger {
                let mut feed = self.place.lock().await;
                if self.changes.receiver_count() == 0 {
                    *feed = None;
                    return;
                }
            }
        }
    }

    /// Who listens from now on must know what it will not hear, so that this is said first.
    fn tell(&self, changes: Vec<Change>) {
        lock(&self.progress).next = self.reader.next().clone();
        for change in changes {
            // Nobody may listen.
            let _ = self.changes.send(change);
        }
        lock(&self.progress).untold = self.reader.untold();
    }
}

/// Sends what `reader` finds until all is told; the end of an error is an error.
pub(super) async fn replay(
    mut reader: Reader,
    to: mpsc::Sender<Result<Change, ()>>,
    stop: CancellationToken,
) {
    let mut pauses = Pauses::new(FIRST_PAUSE, LONGEST_PAUSE);
    while !reader.is_done() {
        match reader.step().await {
            Ok(changes) => {
                pauses.reset();
                for change in changes {
                    if to.send(Ok(change)).await.is_err() {
                        return;
                    }
                }
            }
            Err(trouble) if trouble.is_outage() => {
                tracing::warn!(%trouble, "a resumed stream waits");
                pauses.rest(&stop).await;
            }
            Err(trouble) => {
                tracing::error!(%trouble, "a resumed stream ends");
                // Nobody may listen.
                let _ = to.send(Err(())).await;
                return;
            }
        }
    }
}
