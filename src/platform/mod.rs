//! What the roles of one process share: engines, health, listeners, an orderly end.

pub mod banner;
mod checkup;
mod engines;
mod listeners;
pub mod local_http;
mod lock;
mod running;
mod schema;
mod topics;

pub use checkup::Check;
pub use engines::{Engines, MESSAGE_TIMEOUT, Needs};
pub use listeners::Listeners;
pub use lock::DataLock;
pub use running::Platform;
pub use schema::migrate;
pub use topics::create_topics;
