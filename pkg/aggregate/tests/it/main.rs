//! The batch executor, on every write store, with a service that counts.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod batches;
mod contention;
mod counters;
mod fixture;
mod inbox;
mod keys;
mod lifecycle;
mod lost_commit;
mod preconditions;
mod proxy;
