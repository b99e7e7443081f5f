//! Dead letters as operators see them.
//!
//! A queue is never rewritten: what became of a letter is told by the retry store of the group that gave it up, and by
//! the decisions that are kept here. A redrive goes to that store and not to the topic, where it would hit every group.

mod decisions;
mod letters;
mod listing;
mod redrive;
mod schema;

pub use letters::{DeadLetters, DeadLettersError};
pub use listing::{Cause, Filters, Letter, State};
pub use redrive::{Pace, Progress, Redriven, Shown, Would};
pub use schema::SCHEMA;
