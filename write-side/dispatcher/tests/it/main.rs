//! The dispatcher, on every write store, with an event log that fails when it is told to.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod blocked;
mod fixture;
mod leases;
mod log;
mod outages;
mod publishing;
