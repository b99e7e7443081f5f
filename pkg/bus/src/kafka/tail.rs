//! Reading on and on without being in a group.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use rdkafka::consumer::{BaseConsumer, Consumer as _, StreamConsumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::time::timeout;

use super::KafkaConfig;
use super::admin::topics;
use super::context::LogContext;
use super::convert::from_kafka;
use super::errors::{invalid, log_error};
use crate::{LogError, Position, Record, Tail};

type Client = StreamConsumer<LogContext>;

pub(super) struct Reader {
    /// `None` only while it is dropped.
    client: Option<Client>,
}

impl Reader {
    pub(super) async fn open(
        config: &KafkaConfig,
        metadata: &Arc<BaseConsumer<LogContext>>,
        from: &[(String, Position)],
    ) -> Result<Self, LogError> {
        let known = topics(metadata).await?;
        let mut list = TopicPartitionList::with_capacity(from.len());
        for (topic, at) in from {
            let partitions = known.iter().find(|it| it.name == *topic).map_or(0, |it| it.partitions);
            if !(0..partitions).contains(&at.partition) {
                return Err(LogError::no_partition(topic, at.partition));
            }
            list.add_partition_offset(topic, at.partition, Offset::Offset(at.offset.max(0)))
                .map_err(|error| log_error(&error))?;
        }
        let mut config = config.reader();
        // librdkafka assigns nothing without a group id; nothing joins or commits to this one.
        config.set("group.id", "esteira-tail");
        let client: Client =
            config.create_with_context(LogContext::default()).map_err(|error| invalid(&error))?;
        client.assign(&list).map_err(|error| log_error(&error))?;
        Ok(Self { client: Some(client) })
    }
}

#[async_trait]
impl Tail for Reader {
    async fn take(&mut self, max: usize, wait: Duration) -> Result<Vec<Record>, LogError> {
        let Some(client) = &self.client else { return Ok(Vec::new()) };
        // Nothing is awaited once a record is in hand, so that dropping the future loses none.
        let Ok(first) = timeout(wait, client.recv()).await else { return Ok(Vec::new()) };
        let mut records = vec![from_kafka(&first.map_err(|error| log_error(&error))?)];
        while records.len() < max
            && let Some(Ok(message)) = client.recv().now_or_never()
        {
            records.push(from_kafka(&message));
        }
        Ok(records)
    }
}

impl Drop for Reader {
    /// Closing may wait for a broker, for which a thread of the runtime must not.
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            std::thread::spawn(move || drop(client));
        }
    }
}
