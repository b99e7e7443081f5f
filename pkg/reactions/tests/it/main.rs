//! Reactions on every write store, with an embedded log.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod claims;
mod fixture;
mod outages;
mod redrive;
mod retries;
mod service;
