//! One suite of contract tests for every adapter of the log, and the dead letter format.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod backlog;
mod dlq;
mod durability;
mod fixture;
mod groups;
mod kafka_only;
mod offsets;
mod records;
mod rejections;
mod republishing;
mod serialization;
mod tails;
mod tools;
mod worker;
