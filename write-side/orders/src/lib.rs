//! The orders service: commands, reactions to stock events, state and HTTP.

pub mod domain;
mod http;
mod reactions;
mod schema;
mod service;
mod store;
mod world;

pub use domain::{Order, PricePolicy};
pub use http::{OrdersApi, described, routes};
pub use schema::SCHEMA;
pub use service::{OrderChange, OrderCommand, Orders};
