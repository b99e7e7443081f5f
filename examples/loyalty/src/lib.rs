//! Loyalty: a user who registers gets points, and redeems them. The worked example of `docs/extending.md`.

pub mod domain;
mod http;
mod reactions;
mod schema;
mod service;
mod store;
pub mod view;

pub use http::{LoyaltyApi, routes};
pub use schema::SCHEMA;
pub use service::{Command, Loyalty};
