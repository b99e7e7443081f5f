//! The products service: commands, stock reactions, state and HTTP.

pub mod domain;
mod http;
mod reactions;
mod schema;
mod service;
mod store;
mod world;

pub use domain::Product;
pub use http::{ProductsApi, described, routes};
pub use schema::SCHEMA;
pub use service::{ProductCommand, Products};
