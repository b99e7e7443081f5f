//! Settings from defaults, `esteira.toml` and the environment, each stronger than the one before, with their origin.
//!
//! The table in `settings.rs` is the one place that names a setting: it is parsed, shown by `esteira config` and
//! documented from there.

mod address;
mod choice;
mod duration;
mod error;
mod kafka;
mod layers;
mod mongo;
mod mysql;
mod nearest;
mod otlp;
mod report;
mod rule;
mod settings;

pub use address::Brokers;
pub use choice::{LogFormat, PricePolicy, SaslMechanism, SecurityProtocol};
pub use error::ConfigError;
pub use kafka::{KafkaSecurity, Sasl};
pub use mongo::MongoUri;
pub use mysql::{MysqlAddress, MysqlDsn, MysqlTls};
pub use otlp::OtlpEndpoint;
pub use report::{Effective, Origin, markdown, render};
pub use rule::{Secret, Tokens};
pub use settings::{Settings, reference};
