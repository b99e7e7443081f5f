//! Decide and evolve, the batch executor, idempotency keys and inbox marks.
//!
//! A command becomes part of a batch, a batch becomes one transaction: load, decide, write state and
//! events, answer each caller.

mod aggregates;
mod batch;
mod executor;
mod idempotency;
mod inbox;
mod purge;
mod schema;
mod service;
mod spans;

pub use aggregates::{Aggregate, Aggregates, Changed, Receipt, Slot, Snapshot};
pub use executor::{Executor, ExecutorSettings, Submitter};
pub use idempotency::IdempotencyKey;
pub use inbox::{handled, mark};
pub use purge::purge;
pub use schema::SCHEMA;
pub use service::{Answer, Cause, CommandError, Dedup, Input, Service, WriteError};
