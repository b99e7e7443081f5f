//! Dead letters as operators see them.
//!
//! No queue is rewritten for what became of a letter: the retry store of the group that gave it up tells that, and the
//! decisions that are kept here. A redrive goes to that store and not to the topic, where it would hit every group. An
//! erasure does rewrite queues: what was handed in from before is handed in again as its queue has it then.

mod decisions;
mod letters;
mod listing;
mod redrive;
mod schema;

pub use letters::{DeadLetters, DeadLettersError};
pub use listing::{Cause, Filters, Letter, State};
pub use redrive::{Pace, Progress, Redriven, Shown, Would};
pub use schema::SCHEMA;
