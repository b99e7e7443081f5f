//! Reactions: events of other services become commands, of the same shape as a client's.
//!
//! A reaction reads a subset of the topics, so it does not gate: its commands are commutative. The inbox mark is
//! written with the command's effect. A record that fails for its own reason is parked in the write store and
//! retried outside the line.

mod dead;
mod parked;
mod reactions;
mod retry_store;
mod schema;
mod spans;

pub use reactions::{React, Reactions};
pub use retry_store::ReactionStore;
pub use schema::SCHEMA;
