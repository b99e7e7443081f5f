//! The platform as its users see it: real processes, HTTP, kill -9.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod api;
mod belt;
mod client;
mod oracle;
mod platform;
mod start;
