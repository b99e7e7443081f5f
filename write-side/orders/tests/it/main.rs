//! The orders service on every write store.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod fixture;
mod go_tables;
mod life;
mod references;
