//! Records to and from librdkafka's messages.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Header as KafkaHeader, Headers, OwnedHeaders};
use rdkafka::producer::FutureRecord;

use crate::record::Placed;
use crate::{Header, Record};

pub(super) fn to_kafka(placed: &Placed) -> FutureRecord<'_, [u8], [u8]> {
    let record = &placed.record;
    let mut message = FutureRecord::to(&record.topic);
    if let Some(partition) = placed.partition {
        message = message.partition(partition);
    }
    if let Some(timestamp_ms) = placed.timestamp_ms {
        message = message.timestamp(timestamp_ms);
    }
    if let Some(key) = &record.key {
        message = message.key(key.as_slice());
    }
    if let Some(value) = &record.value {
        message = message.payload(value.as_slice());
    }
    if record.headers.is_empty() { message } else { message.headers(headers_to_kafka(&record.headers)) }
}

fn headers_to_kafka(headers: &[Header]) -> OwnedHeaders {
    headers.iter().fold(OwnedHeaders::new_with_capacity(headers.len()), |all, header| {
        all.insert(KafkaHeader { key: &header.name, value: header.value.as_ref() })
    })
}

pub(super) fn from_kafka(message: &BorrowedMessage<'_>) -> Record {
    Record {
        topic: message.topic().to_owned(),
        partition: message.partition(),
        offset: message.offset(),
        timestamp_ms: message.timestamp().to_millis(),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers_from_kafka(message),
    }
}

fn headers_from_kafka(message: &BorrowedMessage<'_>) -> Vec<Header> {
    let Some(headers) = message.headers() else { return Vec::new() };
    (0..headers.count()).filter_map(|at| header_at(message, headers, at)).collect()
}

/// rdkafka panics at a header name that is not UTF-8, which would stop the belt for good at such a record; Kafka's
/// protocol forbids such names, so the header is left out.
fn header_at(message: &BorrowedMessage<'_>, headers: &impl Headers, at: usize) -> Option<Header> {
    let read = || headers.try_get(at).map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec)));
    if let Ok(header) = catch_unwind(AssertUnwindSafe(read)) {
        return header.map(|(name, value)| Header { name, value });
    }
    let (topic, partition, offset) = (message.topic(), message.partition(), message.offset());
    tracing::error!(topic, partition, offset, "header name is not utf-8, header left out");
    None
}
