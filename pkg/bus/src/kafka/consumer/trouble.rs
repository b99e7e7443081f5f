//! What librdkafka reports once, and what it therefore means for every later call until it is over.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use tokio::task::spawn_blocking;

use super::Client;
use crate::LogError;
use crate::kafka::errors::log_error;

const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// A member's standing trouble.
#[derive(Default)]
pub(super) struct Trouble {
    /// No broker could be reached; librdkafka does not tell when one can be again.
    down: bool,
    /// The group refuses this member.
    conflict: Option<LogError>,
    /// Came with records in hand, so it is told next time.
    unsaid: Option<LogError>,
}

impl Trouble {
    /// `Ok` for what librdkafka deals with by itself.
    pub(super) fn judge(&mut self, error: &KafkaError) -> Result<(), LogError> {
        match error.rdkafka_error_code() {
            Some(code) if heals_by_itself(code) => {
                tracing::debug!(%error, "kafka consumer goes on");
                return Ok(());
            }
            Some(Code::InconsistentGroupProtocol) => {
                let conflict = LogError::Conflict(format!(
                    "{error}: the group has members with another assignment protocol"
                ));
                self.conflict = Some(conflict.clone());
                return Err(conflict);
            }
            Some(Code::AllBrokersDown | Code::Authentication | Code::SSL) => self.down = true,
            Some(_) | None => {}
        }
        Err(log_error(error))
    }

    pub(super) fn remember(&mut self, error: &KafkaError) {
        if let Err(error) = self.judge(error) {
            self.unsaid = Some(error);
        }
    }

    pub(super) fn pending(&mut self) -> Result<(), LogError> {
        self.unsaid.take().map_or(Ok(()), Err)
    }

    /// Records come: all is well.
    pub(super) fn over(&mut self) {
        self.down = false;
        self.conflict = None;
    }

    /// Nothing came. Is that because there is nothing?
    pub(super) async fn at_silence(&mut self, client: &Arc<Client>) -> Result<(), LogError> {
        if !client.context().ownership().is_empty() {
            self.conflict = None;
        }
        if let Some(conflict) = &self.conflict {
            return Err(conflict.clone());
        }
        if self.down {
            let client = Arc::clone(client);
            spawn_blocking(move || {
                client.fetch_metadata(Some("__consumer_offsets"), PROBE_TIMEOUT).map(drop)
            })
            .await
            .map_err(|error| LogError::Unavailable(error.to_string()))?
            .map_err(|error| LogError::Unavailable(error.to_string()))?;
            self.down = false;
        }
        Ok(())
    }
}

fn heals_by_itself(code: Code) -> bool {
    matches!(
        code,
        // A topic that does not exist yet.
        Code::UnknownTopic | Code::UnknownTopicOrPartition
            // One broker or connection; `AllBrokersDown` follows when it was the last.
            | Code::BrokerTransportFailure | Code::Resolve | Code::OperationTimedOut | Code::RequestTimedOut
            | Code::NetworkException | Code::LeaderNotAvailable | Code::NotLeaderForPartition
            | Code::WaitingForCoordinator | Code::CoordinatorNotAvailable
            | Code::CoordinatorLoadInProgress | Code::NotCoordinator
            // Joining again.
            | Code::RebalanceInProgress | Code::IllegalGeneration | Code::UnknownMemberId
            | Code::MemberIdRequired | Code::PollExceeded
            | Code::PartitionEOF
    )
}
