//! What a failing store means to a client.

use std::time::Duration;

use esteira_bus::LogError;
use esteira_views::ViewsError;
use esteira_web::Problem;

use crate::journey::JourneyError;

const RETRY_AFTER: Duration = Duration::from_secs(1);

pub(crate) fn journey_problem(error: JourneyError) -> Problem {
    match error {
        JourneyError::Views(error) => store_problem(error),
        JourneyError::Store(error) => {
            Problem::unavailable("store_unavailable", "the write store is away", RETRY_AFTER)
                .caused_by(&error)
        }
    }
}

/// Topics that do not exist yet are made by the first process that writes to them.
#[expect(clippy::needless_pass_by_value, reason = "what `map_err` wants")]
pub(crate) fn log_problem(error: LogError) -> Problem {
    Problem::unavailable("log_unavailable", "the event log is away", RETRY_AFTER).caused_by(&error)
}

/// An outage is a 503; a refused query is a fault of this service, because parameters are checked before.
#[expect(clippy::needless_pass_by_value, reason = "what `map_err` wants")]
pub(crate) fn store_problem(error: ViewsError) -> Problem {
    match error {
        ViewsError::Unavailable(_) => {
            Problem::unavailable("store_unavailable", "the views store is away", RETRY_AFTER)
                .caused_by(&error)
        }
        ViewsError::Rejected(_) => Problem::internal(&error),
    }
}
