//! The event log on Apache Kafka 3.x and 4.x, through librdkafka.

mod admin;
mod config;
mod consumer;
mod context;
mod convert;
mod errors;
mod lag;
mod members;
mod producer;
mod read;
mod tail;

use std::sync::Arc;

use async_trait::async_trait;
use rdkafka::admin::AdminClient;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

pub use admin::delete_topics;
pub use config::{KafkaConfig, Secret, SecurityProtocol, UnknownSecurityProtocol};
pub use context::Refusal;

use self::context::LogContext;
use self::errors::invalid;
use self::producer::Producer;
use crate::record::Placed;
use crate::rules::check_subscription;
use crate::{
    Consumer, GroupMember, Log, LogDescription, LogError, NewRecord, PartitionLag, Position, PublishError,
    Record, Tail, TopicSpec,
};

/// A Kafka cluster as an event log. It connects in the background and by itself connects again.
pub struct KafkaLog {
    config: KafkaConfig,
    producer: Producer,
    admin: AdminClient<LogContext>,
    /// Belongs to no group; for metadata.
    metadata: Arc<BaseConsumer<LogContext>>,
    lag: lag::Clients,
}

impl KafkaLog {
    /// Sets up the clients without waiting for a broker: a broker that is away shows at the first use. Only settings
    /// that cannot work are an error (`Invalid`).
    pub fn connect(config: &KafkaConfig) -> Result<Self, LogError> {
        let mut metadata = config.reader();
        metadata.set_log_level(RDKafkaLogLevel::Info);
        Ok(Self {
            producer: Producer::new(config.producer())?,
            admin: config
                .base()
                .create_with_context(LogContext::default())
                .map_err(|error| invalid(&error))?,
            metadata: Arc::new(
                metadata.create_with_context(LogContext::default()).map_err(|error| invalid(&error))?,
            ),
            lag: lag::Clients::default(),
            config: config.clone(),
        })
    }

    /// Whether the brokers turned the last call away that asked for metadata, as waiting does not mend.
    pub fn refusal(&self) -> Option<Refusal> {
        self.metadata.context().refusal()
    }
}

#[async_trait]
impl Log for KafkaLog {
    fn system(&self) -> &'static str {
        "kafka"
    }

    async fn publish(&self, records: Vec<NewRecord>) -> Vec<Result<Position, PublishError>> {
        self.producer.publish(&records.into_iter().map(Placed::from).collect::<Vec<_>>()).await
    }

    async fn republish(&self, records: Vec<Record>) -> Vec<Result<Position, PublishError>> {
        self.producer.publish(&records.into_iter().map(Placed::from).collect::<Vec<_>>()).await
    }

    async fn delete_before(&self, topic: &str, partition: i32, offset: i64) -> Result<(), LogError> {
        admin::delete_before(&self.admin, topic, partition, offset).await
    }

    async fn start(&self, topic: &str, partition: i32) -> Result<i64, LogError> {
        read::start(&self.metadata, topic, partition).await
    }

    async fn subscribe(&self, group: &str, topics: &[&str]) -> Result<Box<dyn Consumer>, LogError> {
        check_subscription(group, topics)?;
        Ok(Box::new(consumer::Member::join(&self.config, group, topics)?))
    }

    async fn create_topics(&self, topics: &[TopicSpec]) -> Result<Vec<(String, bool)>, LogError> {
        admin::create_topics(&self.admin, &self.metadata, topics).await
    }

    async fn describe(&self) -> Result<LogDescription, LogError> {
        let topics = admin::topics(&self.metadata).await?;
        Ok(LogDescription {
            engine: "kafka".to_owned(),
            version: None,
            address: self.config.brokers.clone(),
            topics,
        })
    }

    async fn lag(&self, group: &str, topics: &[&str]) -> Result<Vec<PartitionLag>, LogError> {
        check_subscription(group, topics)?;
        self.lag.of_group(&self.config, &self.metadata, group, topics).await
    }

    async fn members(&self, group: &str) -> Result<Vec<GroupMember>, LogError> {
        members::of_group(&self.metadata, group).await
    }

    async fn read(
        &self,
        topic: &str,
        partition: i32,
        offset: i64,
        max: usize,
    ) -> Result<Vec<Record>, LogError> {
        read::records(&self.config, &self.metadata, topic, partition, offset, max).await
    }

    async fn tail(&self, from: &[(String, Position)]) -> Result<Box<dyn Tail>, LogError> {
        Ok(Box::new(tail::Reader::open(&self.config, &self.metadata, from).await?))
    }
}
