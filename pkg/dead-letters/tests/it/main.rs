//! Dead letters on every store of decisions, and in every log.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod decisions;
mod fixture;
mod foreign;
mod groups;
mod listing;
mod redrive_all;
mod states;
