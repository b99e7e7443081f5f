//! How far a group is behind.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::KafkaConfig;
use super::admin::{CALL_TIMEOUT, ask_leaders, blocking, topics as all_topics};
use super::context::LogContext;
use super::errors::{invalid, log_error};
use crate::{LogError, PartitionLag, TopicDescription};

type Client = BaseConsumer<LogContext>;

/// Clients that are kept; one of a further group is made for each call.
const MOST_CLIENTS: usize = 16;

/// A client for each group that was asked for: a console asks for the same few every second.
#[derive(Default)]
pub(super) struct Clients(Mutex<HashMap<String, Arc<Client>>>);

impl Clients {
    pub(super) async fn of_group(
        &self,
        config: &KafkaConfig,
        metadata: &Arc<Client>,
        group: &str,
        topics: &[&str],
    ) -> Result<Vec<PartitionLag>, LogError> {
        let mut known = all_topics(metadata).await?;
        known.retain(|topic| topics.contains(&topic.name.as_str()));
        if known.is_empty() {
            return Ok(Vec::new());
        }
        let (metadata, client) = (Arc::clone(metadata), self.client(config, group)?);
        let look = move || ask_leaders(|| lags(&metadata, &client, &known));
        blocking(move || look().map_err(|error| log_error(&error))).await
    }

    /// It never subscribes, so it is no member.
    fn client(&self, config: &KafkaConfig, group: &str) -> Result<Arc<Client>, LogError> {
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(group) {
            return Ok(Arc::clone(client));
        }
        let client = config
            .member(group)
            .create_with_context(LogContext::default())
            .map_err(|error| invalid(&error))?;
        let client = Arc::new(client);
        if clients.len() < MOST_CLIENTS {
            clients.insert(group.to_owned(), Arc::clone(&client));
        }
        Ok(client)
    }
}

fn lags(metadata: &Client, group: &Client, topics: &[TopicDescription]) -> KafkaResult<Vec<PartitionLag>> {
    let committed = group.committed_offsets(list(topics, Offset::Invalid)?, CALL_TIMEOUT)?;
    let starts = metadata.offsets_for_times(list(topics, Offset::Beginning)?, CALL_TIMEOUT)?;
    let ends = metadata.offsets_for_times(list(topics, Offset::End)?, CALL_TIMEOUT)?;
    let mut lags = Vec::new();
    for element in committed.elements() {
        let (topic, partition) = (element.topic(), element.partition());
        element.error()?;
        lags.push(PartitionLag {
            topic: topic.to_owned(),
            partition,
            committed: number(element.offset()),
            start: offset_of(&starts, topic, partition)?,
            end: offset_of(&ends, topic, partition)?,
        });
    }
    Ok(lags)
}

/// Each partition with `offset`; `ListOffsets` takes the two ends for timestamps.
fn list(topics: &[TopicDescription], offset: Offset) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for topic in topics {
        for partition in 0..topic.partitions {
            list.add_partition_offset(&topic.name, partition, offset)?;
        }
    }
    Ok(list)
}

fn offset_of(list: &TopicPartitionList, topic: &str, partition: i32) -> KafkaResult<i64> {
    let Some(element) = list.find_partition(topic, partition) else { return Ok(0) };
    element.error()?;
    Ok(number(element.offset()).unwrap_or(0))
}

fn number(offset: Offset) -> Option<i64> {
    match offset {
        Offset::Offset(number) => Some(number),
        Offset::Beginning | Offset::End | Offset::Stored | Offset::Invalid | Offset::OffsetTail(_) => None,
    }
}
