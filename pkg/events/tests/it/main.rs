//! What stands in the log: golden files of every event type, Go's records, and what is none of them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod decoding;
mod go;
mod golden;
mod samples;
