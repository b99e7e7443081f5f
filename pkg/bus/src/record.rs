//! Records as they are written to and read from the log.

use serde::{Deserialize, Serialize};

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
