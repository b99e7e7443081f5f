//! The schema, the column types and the bulk statements, on every write store.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bulk;
mod columns;
mod emails;
mod faults;
mod pools;
mod schema;
