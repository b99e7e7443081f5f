//! An event: its envelope and its payload, to and from the record's value.

use esteira_sql::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{AggregateKind, EventType, Payload, Skipped, SkippedEvent};

/// The version of the payloads' shape. It only ever gains fields.
pub const SCHEMA_VERSION: i32 = 1;

/// The envelope, which every value carries beside the payload's fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventMeta {
    #[schema(value_type = String, format = "uuid")]
    pub event_id: Uuid,
    pub occurred_at: Timestamp,
    /// 1, 2, 3… per aggregate. Absent in Go's events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<i64>,
    #[serde(default = "first_version")]
    pub schema_version: i32,
}

fn first_version() -> i32 {
    SCHEMA_VERSION
}

/// An event as it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    #[serde(flatten)]
    pub meta: EventMeta,
    #[serde(flatten)]
    pub payload: Payload,
}

/// Why a record is no event; it will never become one, so it is dead-lettered at once.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    #[error("topic {0} carries no event that is known here")]
    UnknownTopic(String),
    #[error("the record has no value")]
    Tombstone,
    #[error("not a {event_type} event: {source}")]
    Json { event_type: EventType, source: serde_json::Error },
    #[error("schema_version {0} is newer than {SCHEMA_VERSION}, the newest that this program reads")]
    NewerSchema(i32),
    #[error("sequence {0} is not positive")]
    Sequence(i64),
}

impl Event {
    /// An event that has its place in a sequence and changes nothing.
    pub fn skipped(event_type: EventType, aggregate_id: i64, sequence: i64, reason: &str) -> Self {
        let meta = EventMeta {
            event_id: Uuid::now_v7(),
            occurred_at: Timestamp::now(),
            sequence: Some(sequence),
            schema_version: SCHEMA_VERSION,
        };
        let skipped = SkippedEvent { event_type, aggregate_id, reason: reason.to_owned() };
        Self { meta, payload: Payload::Skipped(Skipped { skipped }) }
    }

    pub fn event_type(&self) -> EventType {
        self.payload.event_type()
    }

    pub fn aggregate(&self) -> AggregateKind {
        self.event_type().aggregate()
    }

    pub fn aggregate_id(&self) -> i64 {
        self.payload.aggregate_id()
    }

    /// The sequence, where an unsequenced creation counts as the first.
    pub fn sequence(&self) -> Option<i64> {
        self.meta.sequence.or_else(|| self.event_type().is_creation().then_some(1))
    }

    /// The record's value.
    pub fn encode(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }

    /// Reads a record's value. The event type comes from its topic.
    pub fn decode(event_type: EventType, value: Option<&[u8]>) -> Result<Self, DecodeError> {
        let value = value.ok_or(DecodeError::Tombstone)?;
        let json = |source| DecodeError::Json { event_type, source };
        let meta: EventMeta = serde_json::from_slice(value).map_err(json)?;
        if meta.schema_version > SCHEMA_VERSION {
            return Err(DecodeError::NewerSchema(meta.schema_version));
        }
        if let Some(sequence) = meta.sequence.filter(|sequence| *sequence < 1) {
            return Err(DecodeError::Sequence(sequence));
        }
        let payload = Payload::decode(event_type, value).map_err(json)?;
        Ok(Self { meta, payload })
    }
}
