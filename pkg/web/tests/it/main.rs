//! The HTTP edge as a client sees it.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod bearer;
mod bodies;
mod client;
mod docs;
mod errors;
mod health;
mod parameters;
mod server;
