//! A service's reactions as a consumer group's handler.

use std::sync::Arc;

use async_trait::async_trait;
use esteira_aggregate::{Cause, CommandError, Dedup, Input, Service, Submitter};
use esteira_bus::{ErrorClass, Handler, Log, Outage, Record};
use esteira_events::{Event, EventType, Topics};
use esteira_sql::{Db, Fault, fault};
use futures::future::join_all;

use crate::dead;
use crate::parked::{self, Parked};

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

/// What became of one record.
enum Reaction {
    Done,
    /// No retry can help.
    Undecodable(String),
    /// It failed for its own reason.
    Failed(String),
    /// Somebody holds its rows: it waits outside the line, for as long as that takes.
    Contended,
}

impl<S: React> Reactions<S> {
    async fn react(&self, record: &Record) -> Result<Reaction, Outage> {
        let event = match self.topics.decode(&record.topic, record.value.as_deref()) {
            Ok(event) => event,
            Err(error) => return Ok(Reaction::Undecodable(error.to_string())),
        };
        let Some(command) = S::react(&event) else { return Ok(Reaction::Done) };
        let input = Input {
            command,
            dedup: Dedup::Inbox { event_id: event.meta.event_id.to_string() },
            if_match: None,
            cause: Cause { traceparent: record.header("traceparent").map(str::to_owned) },
        };
        match self.commands.submit_waiting(input).await {
            // A rejected reaction is a decision too: its mark is in the store.
            Ok(_) | Err(CommandError::Rejected(_)) => Ok(Reaction::Done),
            Err(CommandError::Contended) => Ok(Reaction::Contended),
            Err(CommandError::Unavailable | CommandError::Overloaded) => {
                Err(Outage("the write store is not available".to_owned()))
            }
            Err(
                error @ (CommandError::Internal
                | CommandError::KeyReused
                | CommandError::PreconditionFailed { .. }),
            ) => Ok(Reaction::Failed(format!("{} failed: {}", S::NAME, name(&error)))),
        }
    }

    /// Makes a failure durable. `before` is the parked row of an earlier attempt.
    async fn settle(
        &self,
        record: &Record,
        before: Option<&Parked>,
        reaction: Reaction,
    ) -> Result<(), Outage> {
        let (parked, class) = match reaction {
            Reaction::Done => {
                return match before {
                    Some(parked) => parked::forget(&self.db, &parked.id).await.map_err(|error| store(&error)),
                    None => Ok(()),
                };
            }
            Reaction::Undecodable(error) => {
                (Parked::dead(&self.group, record, &error), ErrorClass::Undecodable)
            }
            Reaction::Failed(error) => {
                (Parked::failed(&self.group, record, before, &error), ErrorClass::Failed)
            }
            Reaction::Contended => (Parked::contended(&self.group, record, before), ErrorClass::Failed),
        };
        // A record that comes again has its next attempt to come or is a dead letter: out of turn nothing counts.
        if before.is_none() && self.known(record).await?.is_some() {
            return Ok(());
        }
        if parked.is_dead() {
            dead::publish(self.log.as_ref(), &parked, class).await?;
        }
        parked::save(&self.db, &parked).await.map_err(|error| store(&error))
    }

    async fn known(&self, record: &Record) -> Result<Option<Parked>, Outage> {
        let mut reader = self.db.read().await.map_err(|error| store(&error))?;
        let id = parked::id(&self.group, record);
        parked::find(&mut reader.conn(), &id).await.map_err(|error| store(&error))
    }
}

#[async_trait]
impl<S: React> Handler for Reactions<S> {
    async fn handle(&self, records: &[Record]) -> Result<(), Outage> {
        // Handed in together, so that they share transactions.
        let reactions = join_all(records.iter().map(|record| self.react(record))).await;
        for (record, reaction) in records.iter().zip(reactions) {
            self.settle(record, None, reaction?).await?;
        }
        Ok(())
    }

    async fn tick(&self) -> Result<(), Outage> {
        let due = {
            let mut reader = self.db.read().await.map_err(|error| store(&error))?;
            parked::due(&mut reader.conn(), &self.group).await.map_err(|error| store(&error))?
        };
        let mut claimed = Vec::with_capacity(due.len());
        for parked in due {
            if parked::claim(&self.db, &parked).await.map_err(|error| store(&error))? {
                claimed.push(parked);
            }
        }
        let reactions = join_all(claimed.iter().map(|parked| self.react(&parked.record.0))).await;
        for (parked, reaction) in claimed.iter().zip(reactions) {
            self.settle(&parked.record.0, Some(parked), reaction?).await?;
        }
        Ok(())
    }
}

pub(crate) fn store(error: &sqlx::Error) -> Outage {
    match fault(error) {
        Fault::Unavailable | Fault::Contention | Fault::LockTimeout => {
            Outage("the write store is not available".to_owned())
        }
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
