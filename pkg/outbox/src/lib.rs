//! The transactional outbox: append, claim, mark, history, leases, slots.
//!
//! The outbox is also the event log of the write side: rows are kept, `processed_at` marks what is published.

mod append;
mod claim;
mod flow;
mod history;
mod lease;
mod record;
mod replay;
mod row;
mod schema;
mod slots;
mod stuck;

pub use append::{NewEvent, append};
pub use claim::{Mark, Page, backlog, claim, delay, mark_failed, mark_published};
pub use flow::{Appended, appended, newest};
pub use history::{HistoryEntry, history};
pub use lease::{Lease, LeaseError, acquire, release};
pub use record::{Key, Outgoing};
pub use replay::{
    Place, Published, count, histories, history_of, name_rows_of_go, published, unsequenced, with_history,
};
pub use row::OutboxRow;
pub use schema::SCHEMA;
pub use slots::{DispatcherNow, SLOTS, Slots, balance, dispatchers, is_dispatched, leave, take_over};
pub use stuck::{Stuck, oldest_refused, refused, retry, skip, stuck};
