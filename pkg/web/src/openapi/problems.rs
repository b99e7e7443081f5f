//! The problems that routes have in common, for `responses(CommandProblems)`.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::StatusCode;
use utoipa::IntoResponses;
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder};

use crate::problem::Problem;

/// The problems of a route that reads.
pub struct ReadProblems;

/// The problems of a route that commands.
pub struct CommandProblems;

/// What a 429 is.
pub const TOO_MANY_WRONG_TOKENS: &str =
    "Too many wrong tokens came from this address; try again after `Retry-After`";

const READ: [(&str, &str); 4] = [
    ("400", "Invalid id or parameter"),
    ("404", "There is no such resource"),
    ("500", "A fault of the service"),
    ("503", "A store is away or the request took too long; try again after `Retry-After`"),
];

const COMMAND: [(&str, &str); 10] = [
    ("400", "Unreadable or invalid body or id, or not possible in this state"),
    ("404", "There is no such resource, or one that the body refers to"),
    ("409", "Another resource or request is in the way"),
    ("412", "`If-Match` lost to a newer version"),
    ("413", "The body is too large"),
    ("415", "The body is not `application/json`"),
    ("422", "`Idempotency-Key` was used with another body, or a rule refused the request"),
    ("429", TOO_MANY_WRONG_TOKENS),
    ("500", "A fault of the service"),
    (
        "503",
        "A store is away, too many commands are waiting or the request took too long; try again after `Retry-After`",
    ),
];

impl IntoResponses for ReadProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        described(&READ)
    }
}

impl IntoResponses for CommandProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        described(&COMMAND)
    }
}

/// The example of the W3C's recommendation.
const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A problem of `status`, as an example.
pub(super) fn problem_of(status: &str) -> Problem {
    let second = Duration::from_secs(1);
    let mut problem = match status {
        "400" => Problem::invalid_field("limit", "0", "must be an integer from 1 to 500"),
        "401" => Problem::new(
            StatusCode::UNAUTHORIZED,
            "token_required",
            "this wants Authorization: Bearer and the value of ESTEIRA_COMMAND_TOKEN",
        ),
        "404" => Problem::not_found("user_not_found", "there is no user 7"),
        "409" => Problem::conflict("email_taken", "the email belongs to another user"),
        "410" => Problem::new(
            StatusCode::GONE,
            "event_id_expired",
            "the log no longer has what came after this event",
        ),
        "412" => Problem::precondition_failed("If-Match does not match the current version \"4\""),
        "413" => Problem::body_too_large(1024 * 1024),
        "415" => Problem::unsupported_media_type("content type text/plain is not application/json"),
        "422" => Problem::unprocessable(
            "idempotency_key_reused",
            "this Idempotency-Key was used with another request body",
        ),
        "429" => Problem::too_many_requests("too many wrong tokens came from this address", second),
        "503" => Problem::unavailable("store_unavailable", "the write store is not available", second),
        _ => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "internal server error"),
    };
    if problem.status_code().is_server_error() {
        problem.trace_id = Some(TRACE_ID.to_owned());
    }
    problem
}

fn described(problems: &[(&str, &str)]) -> BTreeMap<String, RefOr<Response>> {
    problems.iter().map(|(status, description)| ((*status).to_owned(), problem(description).into())).collect()
}

/// An answer that is a problem.
pub(crate) fn problem(description: &str) -> Response {
    let schema = Ref::from_schema_name("Problem");
    ResponseBuilder::new()
        .description(description)
        .content("application/problem+json", Content::new(Some(schema)))
        .build()
}
