//! What the executor's and the store's errors are over HTTP.

use std::time::Duration;

use esteira_aggregate::CommandError;
use esteira_sql::{Fault, fault};
use esteira_web::Problem;

const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The problem of a command that was not done; `rejected` says what the domain's own rejections are.
pub fn refused<R>(error: CommandError<R>, rejected: impl FnOnce(R) -> Problem) -> Problem {
    match error {
        CommandError::Rejected(rejection) => rejected(rejection),
        CommandError::KeyReused => Problem::unprocessable(
            "idempotency_key_reused",
            "this Idempotency-Key was used with another request body",
        ),
        CommandError::PreconditionFailed { current } => {
            let current = current.map_or_else(|| "none".to_owned(), |version| format!("\"{version}\""));
            Problem::precondition_failed(format!("If-Match does not match the current version {current}"))
        }
        CommandError::Overloaded => {
            Problem::unavailable("overloaded", "too many commands are waiting", RETRY_AFTER)
        }
        CommandError::Contended => {
            Problem::unavailable("contended", "the rows are held by somebody else", RETRY_AFTER)
        }
        CommandError::Unavailable => unavailable(),
        CommandError::Internal => Problem::internal(&Logged),
    }
}

/// The problem of a read that the write store did not answer.
pub fn unreadable_store(error: &sqlx::Error) -> Problem {
    match fault(error) {
        Fault::Unavailable | Fault::Contention | Fault::LockTimeout => unavailable().caused_by(error),
        Fault::Unique | Fault::Refused => Problem::internal(error),
    }
}

fn unavailable() -> Problem {
    Problem::unavailable("store_unavailable", "the write store is not available", RETRY_AFTER)
}

/// The executor has logged the error itself, where it knew the most.
#[derive(Debug)]
struct Logged;

impl std::fmt::Display for Logged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a command failed; its error is logged by the executor")
    }
}

impl std::error::Error for Logged {}
