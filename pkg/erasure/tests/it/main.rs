//! Erasing people from every write store, with a log that breaks off.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod breaking;
mod copies;
mod dispatchers;
mod fixture;
mod refusals;
