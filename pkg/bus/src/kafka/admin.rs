//! Topics: creating and listing them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::{BlockingRetryable, ConstantBuilder};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList, TopicPartitionListElem};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::KafkaConfig;
use super::context::LogContext;
use super::errors::{has_no_leader, invalid, log_error, of_code};
use crate::rules::check_spec;
use crate::{LogError, TopicDescription, TopicSpec};

pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// A broker that is busy deletes dozens of topics slowly.
const DELETE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long to listen for what librdkafka has to tell.
const TOLD_WITHIN: Duration = Duration::from_millis(20);
/// How often to look whether a created topic shows, or whether a partition has a leader.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

type Metadata = Arc<BaseConsumer<LogContext>>;

pub(super) async fn create_topics(
    admin: &AdminClient<LogContext>,
    metadata: &Metadata,
    specs: &[TopicSpec],
) -> Result<Vec<(String, bool)>, LogError> {
    specs.iter().try_for_each(check_spec)?;
    if specs.is_empty() {
        return Ok(Vec::new());
    }
    let options =
        AdminOptions::new().request_timeout(Some(CALL_TIMEOUT)).operation_timeout(Some(CALL_TIMEOUT));
    let topics: Vec<_> = specs.iter().map(new_topic).collect();
    let answers = admin.create_topics(&topics, &options).await.map_err(|error| log_error(&error))?;
    let created = answers.into_iter().map(created).collect::<Result<Vec<_>, _>>()?;
    wait_until_visible(metadata, specs).await?;
    Ok(created)
}

/// The brokers answer once the leader has moved the start of the partition.
pub(super) async fn delete_before(
    admin: &AdminClient<LogContext>,
    topic: &str,
    partition: i32,
    offset: i64,
) -> Result<(), LogError> {
    let options =
        AdminOptions::new().request_timeout(Some(CALL_TIMEOUT)).operation_timeout(Some(CALL_TIMEOUT));
    let mut before = TopicPartitionList::new();
    before
        .add_partition_offset(topic, partition, Offset::Offset(offset))
        .map_err(|error| log_error(&error))?;
    let deleted = admin.delete_records(&before, &options).await.map_err(|error| log_error(&error))?;
    let outcome = deleted.elements().iter().try_for_each(TopicPartitionListElem::error);
    outcome.map_err(|error| {
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
        of_code(code, format!("cannot delete the records of {topic}/{partition} before {offset}: {error}"))
    })
}

fn new_topic(spec: &TopicSpec) -> NewTopic<'_> {
    let topic =
        NewTopic::new(&spec.name, spec.partitions, TopicReplication::Fixed(i32::from(spec.replication)));
    spec.config.iter().fold(topic, |topic, (name, value)| topic.set(name, value))
}

fn created(answer: Result<String, (String, RDKafkaErrorCode)>) -> Result<(String, bool), LogError> {
    match answer {
        Ok(name) => Ok((name, true)),
        Err((name, RDKafkaErrorCode::TopicAlreadyExists)) => Ok((name, false)),
        Err((name, code)) => Err(of_code(code, format!("cannot create topic {name}: {code}"))),
    }
}

/// A broker answers before its own metadata has the topic.
async fn wait_until_visible(metadata: &Metadata, specs: &[TopicSpec]) -> Result<(), LogError> {
    let deadline = Instant::now() + CALL_TIMEOUT;
    loop {
        let topics = topics(metadata).await?;
        let visible =
            |spec: &TopicSpec| topics.iter().any(|topic| topic.name == spec.name && topic.partitions > 0);
        if specs.iter().all(visible) {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(LogError::Unavailable("created topics do not show yet".to_owned()));
        }
        sleep(LOOK_AGAIN).await;
    }
}

/// Deletes topics, for tools and tests that made some of their own. One that is not there is no error.
pub async fn delete_topics(config: &KafkaConfig, names: &[&str]) -> Result<(), LogError> {
    let admin: AdminClient<LogContext> =
        config.base().create_with_context(LogContext::default()).map_err(|error| invalid(&error))?;
    let options =
        AdminOptions::new().request_timeout(Some(DELETE_TIMEOUT)).operation_timeout(Some(DELETE_TIMEOUT));
    for answer in admin.delete_topics(names, &options).await.map_err(|error| log_error(&error))? {
        match answer {
            Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition)) => {}
            Err((name, code)) => return Err(of_code(code, format!("cannot delete topic {name}: {code}"))),
        }
    }
    Ok(())
}

/// Every topic but Kafka's own, by name.
pub(super) async fn topics(metadata: &Metadata) -> Result<Vec<TopicDescription>, LogError> {
    let metadata = Arc::clone(metadata);
    blocking(move || {
        let all =
            metadata.fetch_metadata(None, CALL_TIMEOUT).map_err(|error| unanswered(&metadata, &error))?;
        metadata.context().forget();
        let mut topics: Vec<_> = all
            .topics()
            .iter()
            .filter(|topic| !topic.name().starts_with("__"))
            .map(|topic| TopicDescription {
                name: topic.name().to_owned(),
                partitions: i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX),
            })
            .collect();
        topics.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(topics)
    })
    .await
}

/// `error`, which says that there was no answer, with the reason, which librdkafka tells only whoever polls.
fn unanswered(metadata: &BaseConsumer<LogContext>, error: &KafkaError) -> LogError {
    while metadata.poll(TOLD_WITHIN).is_some() {}
    let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
    match metadata.context().reason() {
        Some(reason) => of_code(code, format!("{error}: {reason}")),
        None => log_error(error),
    }
}

/// Runs what waits for a broker where waiting is allowed.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LogError> + Send + 'static,
) -> Result<T, LogError> {
    spawn_blocking(work).await.map_err(|error| LogError::Unavailable(error.to_string()))?
}

/// Asks the leaders of partitions. A partition has none for a moment after its topic was made, and after a broker went.
pub(super) fn ask_leaders<T>(ask: impl FnMut() -> KafkaResult<T>) -> KafkaResult<T> {
    let again = CALL_TIMEOUT.as_millis() / LOOK_AGAIN.as_millis();
    let pauses = ConstantBuilder::default().with_delay(LOOK_AGAIN).with_max_times(again as usize);
    ask.retry(pauses).when(has_no_leader).call()
}
