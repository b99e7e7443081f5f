//! The outbox and its leases, on every write store.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod append;
mod claim;
mod fixture;
mod go_tables;
mod lease;
mod slots;
