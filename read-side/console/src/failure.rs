//! What went wrong, as HTTP says it.

use std::time::Duration;

use axum::http::StatusCode;
use esteira_bus::Outage;
use esteira_dead_letters::DeadLettersError;
use esteira_erasure::ErasureError;
use esteira_query_api::JourneyError;
use esteira_web::Problem;

const RETRY_AFTER: Duration = Duration::from_secs(1);

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
pub fn of_store(error: sqlx::Error) -> Problem {
    Problem::unavailable("store_unavailable", "the write store is away", RETRY_AFTER).caused_by(&error)
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
pub fn of_journey(error: JourneyError) -> Problem {
    Problem::unavailable("engine_unavailable", error.to_string(), RETRY_AFTER).caused_by(&error)
}

pub fn of_outage(Outage(reason): Outage) -> Problem {
    Problem::unavailable("engine_unavailable", reason, RETRY_AFTER)
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
pub fn of_dead_letters(error: DeadLettersError) -> Problem {
    let detail = error.to_string();
    match error {
        DeadLettersError::NotFound(_) => Problem::not_found("dead_letter_not_found", detail),
        DeadLettersError::Unreadable(..) => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "dead_letter_unreadable", detail)
        }
        DeadLettersError::Undecodable(..) => Problem::conflict("undecodable", detail),
        DeadLettersError::Taken(..) => Problem::conflict("place_taken", detail),
        DeadLettersError::Nobody(..) => Problem::conflict("unknown_group", detail),
        DeadLettersError::Unavailable(_) => Problem::unavailable("engine_unavailable", detail, RETRY_AFTER),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
pub fn of_erasure(error: ErasureError) -> Problem {
    let detail = error.to_string();
    match error {
        ErasureError::Busy => Problem::conflict("erasure_at_work", detail),
        ErasureError::Unpublished(_) | ErasureError::Restless(_) | ErasureError::Unavailable(_) => {
            Problem::unavailable("erasure_interrupted", detail, RETRY_AFTER)
        }
    }
}

/// An outbox row that nothing can be done about.
pub fn no_such_row(id: i64) -> Problem {
    Problem::not_found(
        "outbox_row_not_found",
        format!(
            "no outbox row {id} waits for its next attempt: it was never refused, is published, or is being tried just now"
        ),
    )
}
