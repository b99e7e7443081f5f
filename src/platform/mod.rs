//! What the roles of one process share: engines, health, listeners, an orderly end.

pub mod banner;
mod engines;
mod listeners;
mod lock;
mod running;
mod schema;
mod topics;

pub use engines::{Engines, MESSAGE_TIMEOUT, Needs};
pub use listeners::Listeners;
pub use running::Platform;
pub use schema::migrate;
pub use topics::create_topics;
