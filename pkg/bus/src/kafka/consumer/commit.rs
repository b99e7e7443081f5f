//! Committing, one request at a time: an earlier one whose answer is still out could otherwise arrive after a later
//! one and take the offset back.
//!
//! A broker answers the requests of a connection in turn, and keeps a `JoinGroup` waiting until every member has
//! polled: a commit behind it may be out for as long as the slowest member's batch. So it is waited for only a little;
//! taking goes on, which is what the others wait for, and the answer is heard in a later call.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::error::KafkaResult;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use super::{Client, Member, offsets};
use crate::LogError;
use crate::kafka::errors::{is_outdated_member, log_error};
use crate::ownership::Place;

/// A commit whose answer is not in yet.
pub(super) type Underway = JoinHandle<(Vec<Place>, KafkaResult<()>)>;

impl Member {
    /// Commits whatever was asked for and is not known to be committed, and waits for at most `wait`, twice.
    pub(super) async fn commit_pending(
        &mut self,
        client: &Arc<Client>,
        wait: Duration,
    ) -> Result<(), LogError> {
        if self.is_answered(client, wait).await? && self.start_commit(client)? {
            self.is_answered(client, wait).await?;
        }
        Ok(())
    }

    /// Sends what is pending, if anything. Nothing else may be under way.
    fn start_commit(&mut self, client: &Arc<Client>) -> Result<bool, LogError> {
        let places = client.context().ownership().pending();
        if places.is_empty() {
            return Ok(false);
        }
        let offsets = offsets(&places)?;
        let committer = Arc::clone(client);
        let commit = move || (places, committer.commit(&offsets, CommitMode::Sync));
        self.commit = Some(spawn_blocking(commit));
        Ok(true)
    }

    /// Whether nothing is under way any more.
    async fn is_answered(&mut self, client: &Client, wait: Duration) -> Result<bool, LogError> {
        let Some(underway) = &mut self.commit else { return Ok(true) };
        let Ok(answer) = timeout(wait, underway).await else { return Ok(false) };
        self.commit = None;
        match answer {
            Ok((places, Ok(()))) => client.context().ownership().committed(&places),
            // What this member still owns after the rebalance is committed in a later call, the rest comes again.
            Ok((_, Err(error))) if is_outdated_member(&error) => {
                tracing::debug!(%error, "commit refused in a rebalance");
            }
            Ok((_, Err(error))) => return Err(log_error(&error)),
            Err(error) => return Err(LogError::Unavailable(error.to_string())),
        }
        Ok(true)
    }
}
