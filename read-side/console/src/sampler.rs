//! The belt as it is now: one look a second for all viewers together, and none while there are no viewers.

mod engines;
mod flow;
mod groups;
mod sample;
mod troubles;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::Utc;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::Desk;
use crate::sampler::engines::Memory;

pub(crate) use flow::{Flow, KEPT};
pub(crate) use sample::{COUNTED, GroupNow, LogNow, OutboxNow, REFUSED, Sample, Trouble, ViewsNow};

const INTERVAL: Duration = Duration::from_secs(1);
/// A look that takes long is followed by a pause this many times as long, so that watching costs engines little.
const REST: u32 = 3;
/// How long looking goes on after the last viewer: pages come and go.
const LINGER: Duration = Duration::from_secs(5);

/// Looks while somebody looks.
#[derive(Default)]
pub(crate) struct Sampler {
    latest: watch::Sender<Option<Arc<Sample>>>,
    looking: Mutex<Option<JoinHandle<()>>>,
}

impl Sampler {
    /// Every sample from now on; looking goes on as long as the receiver is there.
    pub(crate) fn watch(desk: &Arc<Desk>) -> watch::Receiver<Option<Arc<Sample>>> {
        let sampler = &desk.sampler;
        let receiver = sampler.latest.subscribe();
        let mut looking = sampler.looking.lock().unwrap_or_else(PoisonError::into_inner);
        if looking.as_ref().is_none_or(JoinHandle::is_finished) {
            sampler.latest.send_replace(None);
            *looking = Some(tokio::spawn(look(Arc::clone(desk))));
        }
        receiver
    }

    /// Ends looking if nobody does; decided under the lock, so that no viewer comes between.
    fn ends(&self) -> bool {
        let mut looking = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        let nobody = self.latest.receiver_count() == 0;
        if nobody {
            *looking = None;
        }
        nobody
    }
}

async fn look(desk: Arc<Desk>) {
    let stop = desk.console.stop.clone();
    let mut memory = Memory::default();
    let mut last_viewer = Instant::now();
    while last_viewer.elapsed() < LINGER || !desk.sampler.ends() {
        let started = Instant::now();
        let Some(sample) = Box::pin(stop.run_until_cancelled(memory.look(&desk))).await else { return };
        desk.sampler.latest.send_replace(Some(Arc::new(sample)));
        if desk.sampler.latest.receiver_count() > 0 {
            last_viewer = Instant::now();
        }
        let took = started.elapsed();
        let pause = INTERVAL.saturating_sub(took).max(took * REST);
        if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            return;
        }
    }
    tracing::debug!(at = %Utc::now(), "nobody looks at the belt any more");
}
