//! The users service: commands, state and HTTP.

pub mod domain;
mod http;
mod rehearsal;
mod schema;
mod service;
mod store;

pub use domain::User;
pub use http::{UsersApi, described, rejected, routes};
pub use rehearsal::rehearse;
pub use schema::SCHEMA;
pub use service::{UserCommand, Users};
