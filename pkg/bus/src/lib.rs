//! The event log port (Kafka, embedded) and dead letters.
//!
//! [`Log`] and [`Consumer`] are what the rest of Esteira sees; [`kafka`] and [`embedded`] are the two adapters, which
//! one suite of contract tests holds to the same behaviour.

pub mod dlq;
pub mod embedded;
mod error;
pub mod kafka;
mod log;
mod messaging;
mod ownership;
mod pauses;
mod record;
mod rules;
mod worker;

pub use dlq::{
    DeadLetter, DlqDecodeError, ErrorClass, Failure, LetterId, bury, dead_letter, next_attempt, original,
};
pub use embedded::EmbeddedLog;
pub use error::{LogError, PublishError};
pub use kafka::{KafkaConfig, KafkaLog};
pub use log::{
    Consumer, Group, GroupMember, Log, LogDescription, PartitionLag, Tail, TopicDescription, TopicSpec, scan,
};
pub use messaging::{Operation, describe_place};
pub use pauses::Pauses;
pub use record::{Header, NewRecord, ORIGIN, Position, Record};
pub use worker::{Handler, Outage, Worker};
