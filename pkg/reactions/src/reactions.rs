//! A service's reactions as a consumer group's handler.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use esteira_aggregate::{Cause, CommandError, Dedup, Input, Service, Submitter};
use esteira_bus::{ErrorClass, Handler, Log, Outage, Record};
use esteira_events::{Event, EventType, Topics};
use esteira_sql::{Db, Fault, fault};
use esteira_telemetry::TraceContext;
use esteira_telemetry::metrics::RETRIES;
use futures::future::{join_all, try_join_all};

use crate::dead;
use crate::parked::{self, Attempt, Parked};
use crate::spans;

/// What a service does about events of others.
pub trait React: Service {
    /// The Go service's consumer group, so that a switch-over continues at its committed offsets.
    const GROUP: &'static str;
    const EVENTS: &'static [EventType];

    /// The command that `event` causes, if any.
    fn react(event: &Event) -> Option<Self::Command>;
}

/// Turns records into commands of `S`.
pub struct Reactions<S: Service> {
    pub commands: Submitter<S>,
    pub db: Db,
    pub log: Arc<dyn Log>,
    pub topics: Topics,
    pub group: String,
}

/// How long a handler works at what its commands' line has no time for, before it counts as an outage.
const PATIENCE: Duration = Duration::from_secs(30);

/// What became of one record.
pub(crate) enum Reaction {
    Done,
    /// No retry can help.
    Undecodable(String),
    /// It failed for its own reason.
    Failed(String),
    /// Somebody holds its rows: it waits outside the line, for as long as that takes.
    Contended,
}

/// Why a record has no reaction yet.
pub(crate) enum Unanswered {
    Outage(Outage),
    /// The line had no time for it, because what stood before it failed slowly.
    Postponed,
}

/// A record to react to, with the parked row of an earlier attempt.
#[derive(Clone, Copy)]
pub(crate) struct Work<'a> {
    pub(crate) record: &'a Record,
    before: Option<&'a Parked>,
}

/// A record that has failed, as it is to be parked.
struct Failure<'a> {
    /// The row as it was claimed for the attempt; none where the record came from the log.
    before: Option<&'a Parked>,
    parked: Parked,
    class: ErrorClass,
}

impl<S: React> Reactions<S> {
    /// `span` is where the reaction stands in the event's trace, if that is recorded.
    async fn react(&self, record: &Record, span: Option<TraceContext>) -> Result<Reaction, Unanswered> {
        let event = match self.topics.decode(&record.topic, record.value.as_deref()) {
            Ok(event) => event,
            Err(error) => return Ok(Reaction::Undecodable(error.to_string())),
        };
        let Some(command) = S::react(&event) else { return Ok(Reaction::Done) };
        let input = Input {
            command,
            dedup: Dedup::Inbox { event_id: event.meta.event_id.to_string() },
            if_match: None,
            cause: Cause { trace: span.or_else(|| record.trace()) },
        };
        match self.commands.submit_waiting(input).await {
            // A rejected reaction is a decision too: its mark is in the store.
            Ok(_) | Err(CommandError::Rejected(_)) => Ok(Reaction::Done),
            Err(CommandError::Contended) => Ok(Reaction::Contended),
            Err(CommandError::Overloaded) => Err(Unanswered::Postponed),
            Err(CommandError::Unavailable) => Err(Unanswered::Outage(unavailable())),
            Err(
                error @ (CommandError::Internal
                | CommandError::KeyReused
                | CommandError::PreconditionFailed { .. }),
            ) => Ok(Reaction::Failed(format!("{} failed: {}", S::NAME, name(&error)))),
        }
    }

    /// Reacts to all of `work` and makes every failure durable. What has its answer is written before an outage is told, and
    /// what the line had no time for comes again without it, so that slow failures do not undo each other's progress.
    async fn react_to_all(&self, mut work: Vec<Work<'_>>) -> Result<(), Outage> {
        let started = Instant::now();
        while !work.is_empty() {
            // Handed in together, so that they share transactions.
            let spans = self.spans(&work);
            let reactions =
                work.iter().enumerate().map(|(index, work)| self.react(work.record, spans.context(index)));
            let reactions = join_all(reactions).await;
            spans::end(spans, &reactions);
            spans::log(&self.group, &work, &reactions);
            let (mut answered, mut postponed, mut outage) = (Vec::new(), Vec::new(), None);
            for (work, reaction) in work.into_iter().zip(reactions) {
                match reaction {
                    Ok(reaction) => answered.push((work, reaction)),
                    Err(Unanswered::Postponed) => postponed.push(work),
                    Err(Unanswered::Outage(reason)) => outage = Some(reason),
                }
            }
            self.write(answered).await?;
            if let Some(outage) = outage {
                return Err(outage);
            }
            if !postponed.is_empty() && started.elapsed() > PATIENCE {
                return Err(unavailable());
            }
            work = postponed;
        }
        Ok(())
    }

    /// Makes failures durable and forgets what is done.
    async fn write(&self, answered: Vec<(Work<'_>, Reaction)>) -> Result<(), Outage> {
        let (mut done, mut failures) = (Vec::new(), Vec::new());
        for (Work { record, before }, reaction) in answered {
            let (parked, class) = match reaction {
                Reaction::Done => {
                    done.extend(before.map(|parked| parked.id.as_str()));
                    continue;
                }
                Reaction::Undecodable(error) => {
                    (Parked::dead(&self.group, record, &error), ErrorClass::Undecodable)
                }
                Reaction::Failed(error) => {
                    (Parked::failed(&self.group, record, before, &error), ErrorClass::Failed)
                }
                Reaction::Contended => (Parked::contended(&self.group, record, before), ErrorClass::Failed),
            };
            failures.push(Failure { before, parked, class });
        }
        // A record that comes again has its next attempt to come or is a dead letter: out of turn nothing counts.
        let new = failures.iter().filter(|failure| failure.before.is_none());
        let known = self.known(new.map(|failure| failure.parked.id.clone()).collect()).await?;
        failures.retain(|failure| failure.before.is_some() || !known.contains(&failure.parked.id));
        let (dead, retried): (Vec<_>, Vec<_>) =
            failures.into_iter().partition(|failure| failure.parked.is_dead());
        RETRIES.add([&self.group], retried.len());
        self.keep(retried).await?;
        parked::forget(&self.db, &done).await.map_err(|error| store(&error))?;
        // A row is dead only once its letter is in the queue.
        let letters = try_join_all(dead.into_iter().map(|failure| self.bury(failure))).await?;
        self.keep(letters.into_iter().flatten().collect()).await
    }

    async fn keep(&self, failures: Vec<Failure<'_>>) -> Result<(), Outage> {
        let (mut new, mut attempts) = (Vec::new(), Vec::new());
        for Failure { before, parked, .. } in failures {
            match before {
                None => new.push(parked),
                Some(claimed) => attempts.push(Attempt { claimed, outcome: parked }),
            }
        }
        parked::insert(&self.db, &new).await.map_err(|error| store(&error))?;
        parked::conclude(&self.db, &attempts).await.map_err(|error| store(&error))
    }

    /// Publishes the dead letter of `failure`, unless an operator has decided otherwise meanwhile.
    async fn bury<'a>(&self, mut failure: Failure<'a>) -> Result<Option<Failure<'a>>, Outage> {
        if let Some(claimed) = failure.before {
            let record = parked::still_claimed(&self.db, claimed).await.map_err(|error| store(&error))?;
            let Some(record) = record else { return Ok(None) };
            failure.parked.record = record;
        }
        dead::publish(self.log.as_ref(), &failure.parked, failure.class).await?;
        Ok(Some(failure))
    }

    /// Those of `ids` that are parked or dead.
    async fn known(&self, ids: Vec<String>) -> Result<HashSet<String>, Outage> {
        if ids.is_empty() {
            return Ok(HashSet::new());
        }
        let mut reader = self.db.read().await.map_err(|error| store(&error))?;
        let states = parked::states(&mut reader.conn(), &ids).await.map_err(|error| store(&error))?;
        Ok(states.into_iter().map(|(id, _)| id).collect())
    }
}

#[async_trait]
impl<S: React> Handler for Reactions<S> {
    async fn handle(&self, records: &[Record]) -> Result<(), Outage> {
        self.react_to_all(records.iter().map(|record| Work { record, before: None }).collect()).await
    }

    async fn tick(&self) -> Result<(), Outage> {
        let claimed = parked::claim(&self.db, &self.group).await.map_err(|error| store(&error))?;
        let work = claimed.iter().map(|parked| Work { record: &parked.record.0, before: Some(parked) });
        self.react_to_all(work.collect()).await
    }
}

fn unavailable() -> Outage {
    Outage("the write store is not available".to_owned())
}

pub(crate) fn store(error: &sqlx::Error) -> Outage {
    match fault(error) {
        Fault::Unavailable | Fault::Contention | Fault::LockTimeout => unavailable(),
        Fault::Unique | Fault::Refused => Outage(format!("the write store refuses a parked record: {error}")),
    }
}

fn name<R>(error: &CommandError<R>) -> &'static str {
    match error {
        CommandError::Rejected(_) => "rejected",
        CommandError::KeyReused => "key reused",
        CommandError::PreconditionFailed { .. } => "precondition failed",
        CommandError::Overloaded => "overloaded",
        CommandError::Contended => "contended",
        CommandError::Unavailable => "unavailable",
        CommandError::Internal => "internal error, see the log",
    }
}
