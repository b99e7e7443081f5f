//! Giving a record up: how often it is tried before, and how its dead letter is published.

use chrono::{DateTime, TimeDelta, Utc};
use esteira_telemetry::metrics::DEAD_LETTERS;

use super::{Failure, dead_letter};
use crate::{Log, Outage, PublishError, Record};

/// The attempts of a record that fails for its own reason, before it is dead-lettered.
pub const ATTEMPTS: u32 = 5;
/// How long a process that died in the middle of an attempt puts it off.
pub const ATTEMPT_CLAIM: TimeDelta = TimeDelta::seconds(30);

/// When a record that has failed `attempts` times is tried again (after 1, 2, 4, 8, 16 s); `None` when it is given up.
pub fn next_attempt(attempts: u32, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    (1..=ATTEMPTS).contains(&attempts).then(|| now + TimeDelta::seconds(1 << (attempts - 1)))
}

/// Publishes the dead letter of `record`, which its retry store keeps under `id`. While the queue cannot be written
/// nothing is committed.
pub async fn bury(log: &dyn Log, record: &Record, failure: &Failure<'_>, id: &str) -> Result<(), Outage> {
    let letter = dead_letter(record, failure);
    let topic = letter.topic.clone();
    match log.publish(vec![letter]).await.pop() {
        Some(Ok(at)) => {
            DEAD_LETTERS.add([failure.group, &record.topic, failure.class.as_str()], 1);
            tracing::error!(
                topic = %record.topic, partition = record.partition, offset = record.offset,
                dlq_partition = at.partition, dlq_offset = at.offset, class = failure.class.as_str(),
                error = failure.error, trace_id = record.trace_id(), "record dead-lettered"
            );
            Ok(())
        }
        // The retry store keeps the record all the same: refusing it for ever would stop every other key.
        Some(Err(PublishError::TooLarge(refusal))) => {
            tracing::error!(%topic, %id, %refusal, trace_id = record.trace_id(), "a dead letter is too large for its queue and stays in the retry store");
            Ok(())
        }
        Some(Err(PublishError::Rejected(error) | PublishError::Unavailable(error))) => {
            Err(Outage(format!("{topic} cannot be written: {error}")))
        }
        None => Err(Outage(format!("{topic} did not answer"))),
    }
}
