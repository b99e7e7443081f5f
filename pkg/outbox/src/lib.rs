//! The transactional outbox: append, claim, mark, history, leases.
//!
//! The outbox is also the event log of the write side: rows are kept, `processed_at` marks what is published.

mod append;
mod claim;
mod history;
mod lease;
mod schema;

pub use append::{NewEvent, append};
pub use claim::{Claimed, Mark, backlog, claim, delay, mark_failed, mark_published};
pub use history::{HistoryEntry, history};
pub use lease::{Lease, LeaseError, acquire, release};
pub use schema::SCHEMA;
