//! Reading a partition without being in a group.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::KafkaConfig;
use super::admin::{CALL_TIMEOUT, ask_leaders, blocking};
use super::context::LogContext;
use super::convert::from_kafka;
use super::errors::{invalid, log_error};
use crate::record::bytes_of;
use crate::rules::check_topic_name;
use crate::{LogError, Record};

type Client = BaseConsumer<LogContext>;

/// How long the next record may take to come.
const SILENCE: Duration = Duration::from_secs(5);
/// A read ends here even if it has not reached its number of records.
const MAX_READ_BYTES: usize = 16 * 1024 * 1024;

pub(super) async fn records(
    config: &KafkaConfig,
    metadata: &Arc<Client>,
    topic: &str,
    partition: i32,
    offset: i64,
    max: usize,
) -> Result<Vec<Record>, LogError> {
    check_topic_name(topic).map_err(LogError::Invalid)?;
    let mut config = config.reader();
    // librdkafka assigns nothing without a group id; nothing joins or commits to this one.
    config.set("group.id", "esteira-reader").set("enable.partition.eof", "true");
    let (metadata, topic) = (Arc::clone(metadata), topic.to_owned());
    blocking(move || {
        let (start, end) = bounds(&metadata, &topic, partition)?;
        if max == 0 || offset >= end {
            return Ok(Vec::new());
        }
        let client: Client =
            config.create_with_context(LogContext::default()).map_err(|error| invalid(&error))?;
        assign(&client, &topic, partition, offset.max(start)).map_err(|error| log_error(&error))?;
        collect(&client, max)
    })
    .await
}

/// Asks with the client that is there.
pub(super) async fn start(metadata: &Arc<Client>, topic: &str, partition: i32) -> Result<i64, LogError> {
    check_topic_name(topic).map_err(LogError::Invalid)?;
    let (metadata, topic) = (Arc::clone(metadata), topic.to_owned());
    let (start, _) = blocking(move || bounds(&metadata, &topic, partition)).await?;
    Ok(start)
}

/// The first offset and the one behind the last.
fn bounds(metadata: &Client, topic: &str, partition: i32) -> Result<(i64, i64), LogError> {
    check_partition(metadata, topic, partition)?;
    ask_leaders(|| metadata.fetch_watermarks(topic, partition, CALL_TIMEOUT))
        .map_err(|error| log_error(&error))
}

fn check_partition(metadata: &Client, topic: &str, partition: i32) -> Result<(), LogError> {
    let found = metadata.fetch_metadata(Some(topic), CALL_TIMEOUT).map_err(|error| log_error(&error))?;
    let known = |of: &rdkafka::metadata::MetadataTopic| of.partitions().iter().any(|p| p.id() == partition);
    if found.topics().iter().any(known) {
        return Ok(());
    }
    Err(LogError::no_partition(topic, partition))
}

fn assign(client: &Client, topic: &str, partition: i32, offset: i64) -> Result<(), KafkaError> {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(offset))?;
    client.assign(&list)
}

fn collect(client: &Client, max: usize) -> Result<Vec<Record>, LogError> {
    let (mut records, mut bytes) = (Vec::new(), 0);
    let mut deadline = Instant::now() + SILENCE;
    while records.len() < max && bytes < MAX_READ_BYTES {
        match client.poll(deadline.saturating_duration_since(Instant::now())) {
            Some(Ok(message)) => {
                let record = from_kafka(&message);
                bytes += bytes_of(&record);
                records.push(record);
                deadline = Instant::now() + SILENCE;
            }
            Some(Err(KafkaError::PartitionEOF(_))) => break,
            Some(Err(error)) => tracing::debug!(%error, "reading goes on"),
            None if Instant::now() < deadline => {}
            None => return Err(LogError::Unavailable("the broker sends no records".to_owned())),
        }
    }
    Ok(records)
}
