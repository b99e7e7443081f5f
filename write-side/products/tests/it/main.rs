//! The products service and its reactions, on every write store.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod commutative;
mod fixture;
mod go_tables;
mod stock;
