//! Publishing a page in waves, so that a key's events stay in order across topics too.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Instant;

use esteira_bus::{Position, PublishError};
use esteira_outbox::{Key, Lease, Mark, OutboxRow, Outgoing, mark_failed, mark_published};
use esteira_telemetry::metrics::{PUBLISH_DURATION, PUBLISH_ERRORS, PUBLISHED};

use crate::{Dispatcher, SweepError};

/// A log that takes one record of this size takes any: smaller ones may be sent behind each other without
/// waiting, since nothing that refuses one of them would accept the next.
const CERTAINLY_SMALL: usize = 64 * 1024;

impl Dispatcher {
    /// Publishes `rows` and marks them; how many were published. Keys in `blocked` wait, and it learns of more.
    pub(crate) async fn publish(
        &self,
        lease: &mut Lease,
        rows: Vec<OutboxRow>,
        blocked: &mut HashSet<Key>,
    ) -> Result<usize, SweepError> {
        let mut queues = Queues::of(rows.into_iter().map(|row| Outgoing::new(row, &self.topics)), blocked);
        let mut published = 0;
        loop {
            let wave = queues.next_wave();
            if wave.is_empty() {
                return Ok(published);
            }
            self.keep(lease).await?;
            published += self.send(lease, wave, &mut queues, blocked).await?;
        }
    }

    async fn send(
        &self,
        lease: &mut Lease,
        wave: Vec<Outgoing>,
        queues: &mut Queues,
        blocked: &mut HashSet<Key>,
    ) -> Result<usize, SweepError> {
        #[cfg(feature = "failpoints")]
        fail::fail_point!("dispatcher-before-send", |_| std::process::abort());
        let started = Instant::now();
        let results = self.log.publish(wave.iter().map(Outgoing::record).collect()).await;
        PUBLISH_DURATION.took([], started.elapsed());
        count(&wave, &results);
        let mut marks = Vec::with_capacity(wave.len());
        let mut refused = Vec::new();
        let mut away = None;
        for (outgoing, result) in wave.into_iter().zip(results) {
            match result {
                Ok(at) => {
                    marks.push(Mark { id: outgoing.row.id, partition: at.partition, offset: at.offset });
                }
                Err(PublishError::Rejected(error) | PublishError::TooLarge(error)) => {
                    refused.push((outgoing, error));
                }
                Err(PublishError::Unavailable(error)) => away = Some(error),
            }
        }
        #[cfg(feature = "failpoints")]
        fail::fail_point!("dispatcher-before-mark", |_| std::process::abort());
        mark_published(&self.db, lease, &marks).await?;
        for (outgoing, error) in refused {
            tracing::warn!(
                outbox_id = outgoing.row.id, topic = %outgoing.topic, attempts = outgoing.row.attempts + 1, %error,
                "the event log refused an outbox row"
            );
            mark_failed(&self.db, lease, &outgoing.row, &error).await?;
            queues.block(&outgoing.key);
            blocked.insert(outgoing.key);
        }
        match away {
            Some(error) => Err(SweepError::Log(error)),
            None => Ok(marks.len()),
        }
    }
}

fn count(wave: &[Outgoing], results: &[Result<Position, PublishError>]) {
    let mut counts = HashMap::<(&str, Option<&str>), usize>::new();
    for (outgoing, result) in wave.iter().zip(results) {
        let failure = result.as_ref().err().map(|error| match error {
            PublishError::Rejected(_) => "rejected",
            PublishError::TooLarge(_) => "too_large",
            PublishError::Unavailable(_) => "unavailable",
        });
        *counts.entry((outgoing.topic.as_str(), failure)).or_default() += 1;
    }
    for ((topic, failure), count) in counts {
        match failure {
            None => PUBLISHED.add([topic], count),
            Some(reason) => PUBLISH_ERRORS.add([topic, reason], count),
        }
    }
}

/// The page's rows by key, in order of their ids.
struct Queues {
    keys: Vec<Key>,
    waiting: HashMap<Key, VecDeque<Outgoing>>,
}

impl Queues {
    /// A row that waits for its next attempt blocks its key; rows of blocked keys are left where they are.
    fn of(rows: impl Iterator<Item = Outgoing>, blocked: &mut HashSet<Key>) -> Self {
        let mut queues = Self { keys: Vec::new(), waiting: HashMap::new() };
        for outgoing in rows {
            if outgoing.row.waiting {
                blocked.insert(outgoing.key);
            } else if !blocked.contains(&outgoing.key) {
                let key = outgoing.key.clone();
                if !queues.waiting.contains_key(&key) {
                    queues.keys.push(key.clone());
                }
                queues.waiting.entry(key).or_default().push_back(outgoing);
            }
        }
        queues
    }

    /// Each key's next rows of one topic: its next topic waits until these are acknowledged.
    fn next_wave(&mut self) -> Vec<Outgoing> {
        let mut wave = Vec::new();
        for key in &self.keys {
            if let Some(queue) = self.waiting.get_mut(key) {
                take_run(queue, &mut wave);
            }
        }
        self.keys.retain(|key| self.waiting.get(key).is_some_and(|queue| !queue.is_empty()));
        wave
    }

    fn block(&mut self, key: &Key) {
        self.waiting.remove(key);
    }
}

fn take_run(queue: &mut VecDeque<Outgoing>, wave: &mut Vec<Outgoing>) {
    let Some(first) = queue.pop_front() else { return };
    let topic = first.topic.clone();
    let small = is_small(&first);
    wave.push(first);
    if small {
        while let Some(next) = queue.pop_front_if(|next| next.topic == topic && is_small(next)) {
            wave.push(next);
        }
    }
}

fn is_small(outgoing: &Outgoing) -> bool {
    outgoing.row.value().len() <= CERTAINLY_SMALL
}
