//! Dead letters of reactions.

use chrono::Utc;
use esteira_bus::{ErrorClass, Failure, Log, Outage, PublishError, dead_letter};

use crate::parked::Parked;

/// Publishes the dead letter of `parked`. While the queue cannot be written nothing is committed.
pub(crate) async fn publish(log: &dyn Log, parked: &Parked, class: ErrorClass) -> Result<(), Outage> {
    let failure = Failure {
        group: &parked.consumer_group,
        error: &parked.error,
        class,
        attempts: parked.attempts.unsigned_abs(),
        first_failure_ms: parked.first_failure_at.as_millis(),
        now: Utc::now(),
    };
    let letter = dead_letter(&parked.record.0, &failure);
    let topic = letter.topic.clone();
    match log.publish(vec![letter]).await.pop() {
        Some(Ok(at)) => {
            let source = &parked.record.0;
            tracing::error!(
                topic = %source.topic, partition = source.partition, offset = source.offset,
                dlq_partition = at.partition, dlq_offset = at.offset, class = class.as_str(), error = %parked.error,
                "record dead-lettered"
            );
            Ok(())
        }
        // The retry store keeps the record all the same: refusing it for ever would stop every other key.
        Some(Err(PublishError::TooLarge(refusal))) => {
            tracing::error!(%topic, id = %parked.id, %refusal, "a dead letter is too large for its queue and stays in the retry store");
            Ok(())
        }
        Some(Err(PublishError::Rejected(error) | PublishError::Unavailable(error))) => {
            Err(Outage(format!("{topic} cannot be written: {error}")))
        }
        None => Err(Outage(format!("{topic} did not answer"))),
    }
}
