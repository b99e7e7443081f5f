//! Logs, metrics and stage health.

mod health;
mod logs;
pub mod metrics;

pub use health::{Health, Stage, StageReport, State};
pub use logs::{DEFAULT_FILTER, Format, LogError, init};
