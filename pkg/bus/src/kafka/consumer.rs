//! A member of a consumer group. The task that owns it polls, and so rebalances, and commits in one sequence.

mod commit;
mod merge;
mod trouble;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::message::BorrowedMessage;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout, timeout_at};

use self::commit::Underway;
use self::merge::Merge;
use self::trouble::Trouble;
use super::KafkaConfig;
use super::context::MemberContext;
use super::convert::from_kafka;
use super::errors::{invalid, log_error};
use crate::ownership::{Place, TopicPartition};
use crate::{Consumer, LogError, Record};

type Client = StreamConsumer<MemberContext>;

/// How long a call to the brokers may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the answer to a commit is waited for at once.
const COMMIT_WAIT: Duration = Duration::from_secs(1);
/// The most records that come in one go, so that other tasks have their turn.
const DRAINED: usize = 4_096;
/// How long a full batch waits for partitions that may have earlier records.
const MERGE_WAIT: Duration = Duration::from_millis(100);
const LEAVE_TIMEOUT: Duration = Duration::from_secs(10);
/// A batch ends here even if it has not reached its number of records.
const MAX_TAKE_BYTES: usize = 16 * 1024 * 1024;

pub(super) struct Member {
    /// `None` once it has left.
    client: Option<Arc<Client>>,
    /// Where to read on before anything else is taken.
    seeks: Vec<Place>,
    commit: Option<Underway>,
    trouble: Trouble,
    merge: Merge,
}

impl Member {
    pub(super) fn join(config: &KafkaConfig, group: &str, topics: &[&str]) -> Result<Self, LogError> {
        let client: Client = config
            .member(group)
            .create_with_context(MemberContext::default())
            .map_err(|error| invalid(&error))?;
        client.subscribe(topics).map_err(|error| log_error(&error))?;
        Ok(Self {
            client: Some(Arc::new(client)),
            seeks: Vec::new(),
            commit: None,
            trouble: Trouble::default(),
            merge: Merge::default(),
        })
    }

    fn client(&self) -> Result<Arc<Client>, LogError> {
        self.client.clone().ok_or_else(|| LogError::Invalid("consumer closed".to_owned()))
    }

    /// Takes the first record as it comes and the others as far as they are here. What has come stays in the merge until
    /// it is taken, so that dropping the future loses none.
    async fn batch(
        &mut self,
        client: &Client,
        max: usize,
        deadline: Instant,
    ) -> Result<Vec<Record>, LogError> {
        self.flow(client);
        self.drain(client);
        while self.merge.is_empty() {
            match timeout_at(deadline, client.recv()).await {
                Ok(Ok(message)) => self.push(client, &message),
                Ok(Err(error)) => self.trouble.judge(&error)?,
                Err(_) => return Ok(Vec::new()),
            }
        }
        self.drain(client);
        let patience = Instant::now() + MERGE_WAIT;
        while self.merge.should_wait(max, &client.context().ownership()) {
            match timeout_at(patience, client.recv()).await {
                Ok(Ok(message)) => self.push(client, &message),
                Ok(Err(error)) => self.trouble.remember(&error),
                Err(_) => self.merge.wait_no_longer(&client.context().ownership()),
            }
        }
        let batch = self.merge.take(max, MAX_TAKE_BYTES, &mut client.context().ownership());
        self.flow(client);
        Ok(batch)
    }

    /// Stops and resumes fetching, which librdkafka's own thread answers at once.
    fn flow(&mut self, client: &Client) {
        let (stop, resume) = self.merge.flow(&client.context().ownership());
        // The next call asks again.
        let failed = |error| tracing::debug!(%error, "kafka partitions not paused or resumed");
        if !stop.is_empty() {
            client.pause(&partitions(&stop)).map_or_else(failed, |()| self.merge.paused(&stop));
        }
        if !resume.is_empty() {
            client.resume(&partitions(&resume)).unwrap_or_else(failed);
        }
    }

    /// What is here already.
    fn drain(&mut self, client: &Client) {
        for _ in 0..DRAINED {
            match client.recv().now_or_never() {
                Some(Ok(message)) => self.push(client, &message),
                Some(Err(error)) => self.trouble.remember(&error),
                None => break,
            }
            if !self.merge.has_room() {
                break;
            }
        }
    }

    fn push(&mut self, client: &Client, message: &BorrowedMessage<'_>) {
        let record = from_kafka(message);
        let epoch = client.context().ownership().epoch(&TopicPartition::of(&record));
        self.merge.push(epoch, record);
    }

    /// Seeks to where [`Consumer::rewind`] said; what could not be done is left for the next call.
    async fn seek(&mut self, client: &Arc<Client>) -> Result<(), LogError> {
        self.seeks.retain(|place| client.context().ownership().still_holds(place));
        if self.seeks.is_empty() {
            return Ok(());
        }
        let places = offsets(&self.seeks)?;
        let client = Arc::clone(client);
        spawn_blocking(move || {
            let sought = client.seek_partitions(places, CALL_TIMEOUT)?;
            sought
                .elements()
                .iter()
                .try_for_each(rdkafka::topic_partition_list::TopicPartitionListElem::error)
        })
        .await
        .map_err(|error| LogError::Unavailable(error.to_string()))?
        .map_err(|error| LogError::Unavailable(format!("cannot rewind: {error}")))?;
        self.seeks.clear();
        Ok(())
    }
}

#[async_trait]
impl Consumer for Member {
    async fn take(&mut self, max: usize, wait: Duration) -> Result<Vec<Record>, LogError> {
        let client = self.client()?;
        let deadline = Instant::now() + wait;
        self.seek(&client).await?;
        self.trouble.pending()?;
        self.commit_pending(&client, Duration::ZERO).await?;
        let records = self.batch(&client, max.max(1), deadline).await?;
        if records.is_empty() {
            self.trouble.at_silence(&client).await?;
        } else {
            self.trouble.over();
        }
        Ok(records)
    }

    async fn commit(&mut self, records: &[Record]) -> Result<(), LogError> {
        let client = self.client()?;
        client.context().ownership().want(records);
        self.commit_pending(&client, COMMIT_WAIT).await
    }

    async fn rewind(&mut self) -> Result<(), LogError> {
        let client = self.client()?;
        let places = client.context().ownership().rewind();
        for place in &places {
            self.merge.forget(&place.at);
        }
        self.seeks.retain(|place| !places.iter().any(|newer| newer.at == place.at));
        self.seeks.extend(places);
        self.seek(&client).await
    }

    async fn close(mut self: Box<Self>) {
        let Ok(client) = self.client() else { return };
        if let Err(error) = self.commit_pending(&client, CALL_TIMEOUT).await {
            tracing::debug!(%error, "last commit failed");
        }
        drop(client);
        let last = self.client.take();
        if timeout(LEAVE_TIMEOUT, spawn_blocking(move || drop(last))).await.is_err() {
            tracing::warn!("consumer group not left in time");
        }
    }
}

impl Drop for Member {
    /// Leaving takes a round trip to the broker, for which a thread of the runtime must not wait.
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            std::thread::spawn(move || drop(client));
        }
    }
}

fn partitions(of: &[TopicPartition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(of.len());
    for TopicPartition { topic, partition } in of {
        list.add_partition(topic, *partition);
    }
    list
}

fn offsets(places: &[Place]) -> Result<TopicPartitionList, LogError> {
    let mut list = TopicPartitionList::with_capacity(places.len());
    for Place { at, offset, .. } in places {
        list.add_partition_offset(&at.topic, at.partition, Offset::Offset(*offset))
            .map_err(|error| log_error(&error))?;
    }
    Ok(list)
}
