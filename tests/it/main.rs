//! The platform as its users see it: real processes, HTTP, kill -9.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../harness/mod.rs"]
mod harness;

mod api;
mod belt;
mod cli;
mod console;
mod contracts;
mod dlq;
mod docs;
mod erase;
mod limits;
mod live;
mod metrics;
mod operator;
mod start;
mod tokens;
mod tools;
mod traces;
