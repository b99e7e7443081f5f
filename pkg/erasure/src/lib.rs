//! Erasing a person's data, which is a user's name and email, from tables, log and views.
//!
//! What can be changed is changed where it stands: events keep their ids and sequences. A record of the log cannot be
//! changed, so the partition that it is in is published again, and then its old records are deleted. Every consumer of ours
//! knows an event by its id and sequence and a dead letter by its origin, so that records that come again change nothing.

mod erasure;
mod erasures;
mod log;
mod outbox;
mod parked;
mod people;
mod records;
mod rows;
mod schema;
mod tables;
mod text;
mod views;

pub use erasure::{Erased, Erasure, ErasureError, Refused, Wish};
pub use erasures::Entry;
pub use rows::{Row, RowError, UserRows};
pub use schema::SCHEMA;
