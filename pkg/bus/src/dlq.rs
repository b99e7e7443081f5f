//! Dead letters: a record that could not be applied, kept so that it can come back exactly as it left.

mod bury;
mod decode;
mod encode;
mod letter;
mod store;

use chrono::{DateTime, Utc};
use thiserror::Error;

pub use bury::{ATTEMPT_CLAIM, ATTEMPTS, bury, next_attempt};
pub use decode::original;
pub use encode::dead_letter;
pub use letter::{DeadLetter, LetterId};
pub use store::{Awaits, Preview, RedriveError, RetryStore, SetAside, Standing};

/// A dead letter topic is its source's name and this.
pub const DLQ_SUFFIX: &str = ".dlq";

/// Why a record became a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// Its bytes mean nothing to us: no retry can help.
    Undecodable,
    /// It failed for its own reason until the retries were used up.
    Failed,
}

impl ErrorClass {
    /// The value of header `dlq_error_class`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Undecodable => "undecodable",
            Self::Failed => "failed",
        }
    }
}

/// Names of the headers that [`dead_letter`] adds after the original's own; numbers are decimal text, times are
/// milliseconds since 1970.
pub mod headers {
    pub const PARTITION: &str = "dlq_partition";
    pub const OFFSET: &str = "dlq_offset";
    /// The original record's timestamp; absent when it had none.
    pub const TIMESTAMP: &str = "dlq_timestamp";
    pub const GROUP: &str = "dlq_group";
    pub const ATTEMPTS: &str = "dlq_attempts";
    pub const ERROR_CLASS: &str = "dlq_error_class";
    pub const FIRST_FAILURE: &str = "dlq_first_failure";
    /// How many of the dead letter's headers, from the first, are the original's own.
    pub const HEADER_COUNT: &str = "dlq_header_count";
}

/// How a record failed.
#[derive(Clone, Debug)]
pub struct Failure<'a> {
    /// The consumer group that gave up; a redrive goes to that group alone.
    pub group: &'a str,
    pub error: &'a str,
    pub class: ErrorClass,
    pub attempts: u32,
    /// Milliseconds since 1970.
    pub first_failure_ms: i64,
    pub now: DateTime<Utc>,
}

/// Why a record of a DLQ topic is not a dead letter.
#[derive(Debug, Error)]
pub enum DlqDecodeError {
    #[error("the dead letter has no value")]
    Empty,
    #[error("the dead letter is not the JSON of CONTRACTS.md: {0}")]
    Json(#[from] serde_json::Error),
    #[error("original_event_base64 is not base64: {0}")]
    Base64(#[from] base64::DecodeError),
    #[error("neither original_event nor original_event_base64 is there")]
    NoOriginal,
    #[error("header {0} is not what we write")]
    Header(&'static str),
}
