//! Publishing pages, and marking what was acknowledged while more is on its way.

use std::collections::{HashMap, HashSet};
use std::mem;
use std::panic::resume_unwind;
use std::time::Instant;

use esteira_bus::{Position, PublishError};
use esteira_outbox::{Key, Lease, LeaseError, Mark, OutboxRow, Outgoing, Slots, mark_failed, mark_published};
use esteira_telemetry::TraceContext;
use esteira_telemetry::metrics::{PUBLISH_DURATION, PUBLISH_ERRORS, PUBLISHED};
use tokio_util::task::AbortOnDropHandle;

use crate::spans;
use crate::waves::Queues;
use crate::{Dispatcher, SweepError};

/// Nothing more is sent while this many wait to be marked behind the transaction under way: what is not marked at a
/// crash is sent again.
const MOST_UNMARKED: usize = 4_096;

/// What a sweep carries from page to page.
pub(crate) struct Sweep<'l> {
    pub(crate) lease: &'l mut Lease,
    pub(crate) slots: Slots,
    /// Keys whose rows wait for the next sweep.
    blocked: HashSet<Key>,
    /// What the log has acknowledged and no row tells yet.
    unmarked: Vec<Mark>,
    marking: Option<Marking>,
    pub(crate) published: usize,
}

/// A transaction under way that marks rows, and gives back the lease that it has renewed.
type Marking = AbortOnDropHandle<Result<Lease, LeaseError>>;

impl<'l> Sweep<'l> {
    pub(crate) fn new(lease: &'l mut Lease) -> Self {
        let slots = Slots::of(lease);
        Self { lease, slots, blocked: HashSet::new(), unmarked: Vec::new(), marking: None, published: 0 }
    }

    /// Waits for the transaction that is under way.
    async fn marked(&mut self) -> Result<(), SweepError> {
        if let Some(marking) = self.marking.take() {
            let lease = marking.await.unwrap_or_else(|panic| resume_unwind(panic.into_panic()))?;
            if lease.remaining() > self.lease.remaining() {
                *self.lease = lease;
            }
        }
        Ok(())
    }
}

impl Dispatcher {
    /// Publishes those of `rows` whose slots these are, in waves, so that a key's events stay in order across topics too.
    pub(crate) async fn publish(
        &self,
        sweep: &mut Sweep<'_>,
        rows: Vec<OutboxRow>,
    ) -> Result<(), SweepError> {
        let slots = sweep.slots;
        let rows = rows.into_iter().map(|row| Outgoing::new(row, &self.topics));
        let rows = rows.filter(|outgoing| slots.have(&outgoing.key));
        let mut queues = Queues::of(rows, &mut sweep.blocked);
        loop {
            let wave = queues.next_wave();
            if wave.is_empty() {
                return Ok(());
            }
            self.keep(sweep.lease).await?;
            self.send(sweep, wave, &mut queues).await?;
        }
    }

    /// Sends a wave, while earlier ones are marked.
    async fn send(
        &self,
        sweep: &mut Sweep<'_>,
        wave: Vec<Outgoing>,
        queues: &mut Queues,
    ) -> Result<(), SweepError> {
        #[cfg(feature = "failpoints")]
        fail::fail_point!("dispatcher-before-send", |_| std::process::abort());
        let started = Instant::now();
        let spans = self.spans(&wave);
        let record = |(index, outgoing): (usize, &Outgoing)| outgoing.record(spans.context(index));
        let results = self.log.publish(wave.iter().enumerate().map(record).collect()).await;
        PUBLISH_DURATION.took([], started.elapsed());
        count(&wave, &results);
        spans::end(spans, &results);
        spans::log(&wave, &results);
        let mut refused = Vec::new();
        let mut away = None;
        for (outgoing, result) in wave.into_iter().zip(results) {
            match result {
                Ok(at) => {
                    sweep.published += 1;
                    sweep.unmarked.push(Mark {
                        id: outgoing.row.id,
                        partition: at.partition,
                        offset: at.offset,
                    });
                }
                Err(PublishError::Rejected(error) | PublishError::TooLarge(error)) => {
                    refused.push((outgoing, error));
                }
                Err(PublishError::Unavailable(error)) => away = Some(error),
            }
        }
        #[cfg(feature = "failpoints")]
        fail::fail_point!("dispatcher-before-mark", |_| std::process::abort());
        self.mark(sweep).await?;
        for (outgoing, error) in refused {
            tracing::warn!(
                outbox_id = outgoing.row.id, topic = %outgoing.topic, attempts = outgoing.row.attempts + 1, %error,
                trace_id = outgoing.trace().map(TraceContext::log_id),
                "the event log refused an outbox row"
            );
            mark_failed(&self.db, sweep.lease, &outgoing.row, &error).await?;
            queues.block(&outgoing.key);
            sweep.blocked.insert(outgoing.key);
        }
        match away {
            Some(error) => Err(SweepError::Log(error)),
            None => Ok(()),
        }
    }

    /// Has what is published marked: all that has come together since the last transaction in one, which costs the store
    /// much less than one for each wave. What cannot be marked is published again by the next sweep.
    async fn mark(&self, sweep: &mut Sweep<'_>) -> Result<(), SweepError> {
        let is_busy = sweep.marking.as_ref().is_some_and(|marking| !marking.is_finished());
        if !is_busy || sweep.unmarked.len() >= MOST_UNMARKED {
            sweep.marked().await?;
            sweep.marking = self.marking(sweep);
        }
        Ok(())
    }

    /// Marks all that is published.
    pub(crate) async fn mark_all(&self, sweep: &mut Sweep<'_>) -> Result<(), SweepError> {
        sweep.marked().await?;
        sweep.marking = self.marking(sweep);
        sweep.marked().await
    }

    fn marking(&self, sweep: &mut Sweep<'_>) -> Option<Marking> {
        let marks = Some(mem::take(&mut sweep.unmarked)).filter(|marks| !marks.is_empty())?;
        let (db, mut lease) = (self.db.clone(), sweep.lease.clone());
        let marking = async move { mark_published(&db, &mut lease, &marks).await.map(|()| lease) };
        Some(AbortOnDropHandle::new(tokio::spawn(marking)))
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
