//! What can go wrong, told apart by what the caller should do about it.

use thiserror::Error;

/// Why one record was not published.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PublishError {
    /// The record is larger than its topic takes: only another limit would help it.
    #[error("record too large for its topic: {0}")]
    TooLarge(String),
    /// This record is at fault (unknown topic, invalid, not allowed): the same record will fail again.
    #[error("record rejected by the log: {0}")]
    Rejected(String),
    /// The log is away, or its answer was lost; says nothing of the record, which may even have been appended.
    #[error("log unavailable: {0}")]
    Unavailable(String),
}

/// Why an operation on the log failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LogError {
    /// The log is away: try again later.
    #[error("log unavailable: {0}")]
    Unavailable(String),
    /// The group has members of another protocol (Go's): only an operator can resolve it, by stopping those.
    #[error("consumer group conflict: {0}")]
    Conflict(String),
    /// The request is at fault: an unknown topic, a forbidden operation, a wrong setting.
    #[error("invalid log request: {0}")]
    Invalid(String),
}

impl LogError {
    pub(crate) fn no_partition(topic: &str, partition: i32) -> Self {
        Self::Invalid(format!("there is no partition {partition} of topic {topic}"))
    }
}
