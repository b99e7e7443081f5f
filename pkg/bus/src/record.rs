//! Records as they are written to and read from the log.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Tells of a record that was published again where it stood first: `<topic>/<partition>/<offset>`.
pub const ORIGIN: &str = "esteira_origin";

/// One header of a record. Names may repeat, and their order is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Case is kept, but [`Record::header`] ignores it.
    pub name: String,
    /// Any bytes; `None` is Kafka's null, which is not the empty value.
    #[serde(with = "base64_bytes", default)]
    pub value: Option<Vec<u8>>,
}

impl Header {
    /// A header with a text value.
    pub fn text(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: Some(value.into().into_bytes()) }
    }
}

/// A record to append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRecord {
    /// Must exist; topics are never created by publishing.
    pub topic: String,
    /// Chooses the partition (crc32); records of the same key keep their order. `None` goes to any partition.
    pub key: Option<Vec<u8>>,
    /// `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    pub headers: Vec<Header>,
}

/// Where a record was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    pub partition: i32,
    pub offset: i64,
}

/// A record of the log. Serialized with its bytes as base64, so that a parked record comes back byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    /// Milliseconds since 1970, by the producer's or the broker's clock.
    pub timestamp_ms: Option<i64>,
    #[serde(with = "base64_bytes", default)]
    pub key: Option<Vec<u8>>,
    #[serde(with = "base64_bytes", default)]
    pub value: Option<Vec<u8>>,
    #[serde(default)]
    pub headers: Vec<Header>,
}

impl Record {
    /// The value of the header `name`, whatever its case; the last one wins, as Kafka's `lastHeader` does.
    /// `None` when there is none, or when the last one is null or not UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().rev().find(|header| header.name.eq_ignore_ascii_case(name))?;
        header.value.as_deref().and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Where the record is in its topic.
    pub fn position(&self) -> Position {
        Position { partition: self.partition, offset: self.offset }
    }

    /// Where the record stood first, also if it was published again ([`crate::Log::republish`]).
    pub fn origin(&self) -> Position {
        let offset =
            self.headers.iter().rev().find_map(|header| origin_in(header, &self.topic, self.partition));
        Position { partition: self.partition, offset: offset.unwrap_or(self.offset) }
    }

    /// Where the record stood first: `<topic>/<partition>/<offset>`.
    pub fn place(&self) -> String {
        let Position { partition, offset } = self.origin();
        format!("{}/{partition}/{offset}", self.topic)
    }

    /// What is kept about a record is kept under this: its place with its event's id or, where it tells none, its time. A copy
    /// has the same, also without a person's data; another record at the place, of a topic that was made anew, has not.
    pub fn identity(&self) -> String {
        let announced = || self.header("ce_id")?.parse().ok();
        let time = || self.timestamp_ms.map(|ms| ms.to_string());
        let id = self.event_id().or_else(announced).map(|id: Uuid| id.to_string());
        let which = id.or_else(time).unwrap_or_default();
        format!("{}/{which}", self.place())
    }

    /// The id of the event in the value, whatever else is in there.
    pub fn event_id(&self) -> Option<Uuid> {
        #[derive(Deserialize)]
        struct Identified {
            event_id: Uuid,
        }
        let event: Identified = serde_json::from_slice(self.value.as_deref()?).ok()?;
        Some(event.event_id)
    }

    /// Whether the record was published again.
    pub fn is_copy(&self) -> bool {
        self.origin() != self.position()
    }
}

/// The origin that `header` tells of a record of this partition; a dead letter also has the headers of its original, which
/// belong to another topic.
pub(crate) fn origin_in(header: &Header, topic: &str, partition: i32) -> Option<i64> {
    let value = Some(header).filter(|header| header.name == ORIGIN)?.value.as_deref()?;
    let place = std::str::from_utf8(value).ok()?.strip_prefix(topic)?.strip_prefix('/')?;
    let (of, offset) = place.split_once('/')?;
    (of.parse() == Ok(partition)).then(|| offset.parse().ok())?
}

/// A record on its way into the log.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub(crate) record: NewRecord,
    /// `None` leaves it to the key.
    pub(crate) partition: Option<i32>,
    /// `None` is now.
    pub(crate) timestamp_ms: Option<i64>,
}

impl From<NewRecord> for Placed {
    fn from(record: NewRecord) -> Self {
        Self { record, partition: None, timestamp_ms: None }
    }
}

impl From<Record> for Placed {
    /// The record once more in its partition, with where it stood first.
    fn from(record: Record) -> Self {
        let (origin, partition) = (record.place(), record.partition);
        let Record { topic, timestamp_ms, key, value, mut headers, .. } = record;
        if !headers.iter().any(|header| origin_in(header, &topic, partition).is_some()) {
            headers.push(Header::text(ORIGIN, origin));
        }
        let record = NewRecord { topic, key, value, headers };
        Self { record, partition: Some(partition), timestamp_ms }
    }
}

/// Roughly the memory that `record` takes.
pub(crate) fn bytes_of(record: &Record) -> usize {
    let length = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
    let headers: usize = record.headers.iter().map(|header| header.name.len() + length(&header.value)).sum();
    length(&record.key) + length(&record.value) + headers
}

mod base64_bytes {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    #[expect(clippy::ref_option, reason = "serde's `with` passes the field by reference")]
    pub(super) fn serialize<S: Serializer>(bytes: &Option<Vec<u8>>, to: S) -> Result<S::Ok, S::Error> {
        bytes.as_ref().map(|bytes| STANDARD.encode(bytes)).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<u8>>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| STANDARD.decode(text).map_err(de::Error::custom)).transpose()
    }
}
