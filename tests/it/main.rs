//! The platform as its users see it: real processes, HTTP, kill -9.

mod api;
mod belt;
mod client;
mod oracle;
mod platform;
mod start;
