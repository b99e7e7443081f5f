//! Dead letters of reactions.

use chrono::Utc;
use esteira_bus::{ErrorClass, Failure, Log, Outage, bury};

use crate::parked::Parked;

/// Publishes the dead letter of `parked`.
pub(crate) async fn publish(log: &dyn Log, parked: &Parked, class: ErrorClass) -> Result<(), Outage> {
    let failure = Failure {
        group: &parked.consumer_group,
        error: &parked.error,
        class,
        attempts: parked.attempts.unsigned_abs(),
        first_failure_ms: parked.first_failure_at.as_millis(),
        now: Utc::now(),
    };
    bury(log, &parked.record.0, &failure, &parked.id).await
}
