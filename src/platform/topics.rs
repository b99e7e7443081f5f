//! The topics and their dead letter queues.

use std::time::{Duration, Instant};

use anyhow::Context;
use esteira_bus::{Log, LogError, TopicSpec};
use esteira_config::Settings;
use esteira_events::{EventType, Topics};

/// Kafka's default `max.message.bytes`, which the topics are created with.
const MAX_MESSAGE_BYTES: u32 = 1_048_588;

/// How long a start waits for the broker to show the topics that it has made.
const PATIENCE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(500);

/// Creates what is missing; each topic's name and whether it was created now.
pub async fn create_topics(settings: &Settings, log: &dyn Log) -> anyhow::Result<Vec<(String, bool)>> {
    let topics = Topics::with_prefix(settings.topic_prefix.clone());
    let mut specs = Vec::new();
    for event in EventType::ALL {
        let name = topics.name(event);
        specs.push(spec(settings, Topics::dead_letters(&name), 3 * MAX_MESSAGE_BYTES)?);
        specs.push(spec(settings, name, MAX_MESSAGE_BYTES)?);
    }
    let started = Instant::now();
    loop {
        match log.create_topics(&specs).await {
            // A busy broker answers before its metadata has all of them; asking again is harmless.
            Err(LogError::Unavailable(reason)) if started.elapsed() < PATIENCE => {
                tracing::info!(%reason, "waiting for the topics");
                tokio::time::sleep(PAUSE).await;
            }
            created => return created.context("the topics cannot be created"),
        }
    }
}

/// Nothing is deleted by age: the log is what the views are rebuilt from.
fn spec(settings: &Settings, name: String, max_message_bytes: u32) -> anyhow::Result<TopicSpec> {
    let config = vec![
        ("retention.ms".to_owned(), "-1".to_owned()),
        ("max.message.bytes".to_owned(), max_message_bytes.to_string()),
    ];
    let replication = settings.topic_replication.try_into().context("ESTEIRA_TOPIC_REPLICATION")?;
    Ok(TopicSpec { name, partitions: settings.topic_partitions, replication, config })
}
