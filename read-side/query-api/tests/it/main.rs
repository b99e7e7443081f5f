//! The query API over the embedded views.
#![expect(clippy::unwrap_used, reason = "tests")]

mod away;
mod client;
mod consistency;
mod lists;
mod live;
mod openapi;
mod refusals;
mod shapes;
mod stream;
