//! What librdkafka calls back: logs, errors and rebalances.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::topic_partition_list::TopicPartitionList;

use crate::ownership::{Ownership, TopicPartition};

const FAILED_CONNECTION: &str = "FAIL";

/// Why brokers turn a client away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Mechanism, user or password.
    Authentication,
    /// The handshake failed, on a certificate mostly.
    Tls,
}

/// Sends librdkafka's logs to `tracing` and keeps the last reason why no broker can be talked to.
#[derive(Default)]
pub(super) struct LogContext {
    trouble: Mutex<Option<(Option<Refusal>, String)>>,
}

impl LogContext {
    pub(super) fn refusal(&self) -> Option<Refusal> {
        self.trouble().as_ref().and_then(|(refusal, _)| *refusal)
    }

    /// In librdkafka's words, which name the broker and never a secret.
    pub(super) fn reason(&self) -> Option<String> {
        self.trouble().as_ref().map(|(_, reason)| reason.clone())
    }

    pub(super) fn forget(&self) {
        *self.trouble() = None;
    }

    fn trouble(&self) -> MutexGuard<'_, Option<(Option<Refusal>, String)>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for LogContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // A broker that hangs up, as one that expects TLS does, is no error to librdkafka.
        if facility == FAILED_CONNECTION && self.refusal().is_none() {
            let reason = message.split_once("]: ").map_or(message, |(_thread, reason)| reason);
            *self.trouble() = Some((None, reason.to_owned()));
        }
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "kafka client error");
        let refusal = match error.rdkafka_error_code() {
            Some(Code::Authentication) => Some(Refusal::Authentication),
            Some(Code::SSL) => Some(Refusal::Tls),
            Some(Code::BrokerTransportFailure | Code::Resolve) => None,
            // `AllBrokersDown` among them: it follows what is of interest.
            Some(_) | None => return,
        };
        *self.trouble() = Some((refusal, reason.to_owned()));
    }
}

impl ConsumerContext for LogContext {}

/// Keeps a member's [`Ownership`] in step with the group, within the member's own poll.
#[derive(Default)]
pub(super) struct MemberContext {
    ownership: Mutex<Ownership>,
}

impl MemberContext {
    pub(super) fn ownership(&self) -> MutexGuard<'_, Ownership> {
        self.ownership.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for MemberContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "kafka client error");
    }
}

impl ConsumerContext for MemberContext {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(partitions) => {
                let came = names(partitions);
                tracing::debug!(partitions = ?came, "partitions assigned");
                let mut ownership = self.ownership();
                for partition in came {
                    ownership.assign(partition);
                }
            }
            Rebalance::Revoke(partitions) => {
                let gone = names(partitions);
                tracing::debug!(partitions = ?gone, "partitions revoked");
                let mut ownership = self.ownership();
                for partition in &gone {
                    ownership.revoke(partition);
                }
            }
            Rebalance::Error(error) => tracing::warn!(%error, "rebalance failed"),
        }
    }
}

fn names(partitions: &TopicPartitionList) -> Vec<TopicPartition> {
    partitions
        .elements()
        .iter()
        .map(|element| TopicPartition::new(element.topic(), element.partition()))
        .collect()
}

fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error => {
            tracing::warn!(target: "librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Warning | RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
            tracing::info!(target: "librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Debug => tracing::debug!(target: "librdkafka", facility, "{message}"),
    }
}
