//! What the roles of one process share: engines, health, listeners, an orderly end.

pub mod banner;
mod engines;
mod gauges;
mod groups;
mod listeners;
mod local_http;
mod lock;
mod places;
mod running;
mod schema;
mod topics;

pub use esteira_console::Check;

pub use engines::{Engines, MESSAGE_TIMEOUT, Needs, kafka_config, mysql_options};
pub use groups::groups;
pub use listeners::Listeners;
pub use local_http::send;
pub use lock::held_elsewhere;
pub use places::Places;
pub use running::Platform;
pub use schema::{migrate, schemas};
pub use topics::create_topics;
