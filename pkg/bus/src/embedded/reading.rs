//! Reading records and committed offsets.

use std::collections::HashMap;

use esteira_sql::sqlite::SqliteFile;
use futures::TryStreamExt;

use crate::ownership::TopicPartition;
use crate::record::bytes_of;
use crate::{Header, Record};

/// A read ends here even if it has not reached its number of records.
pub(super) const MAX_READ_BYTES: usize = 16 * 1024 * 1024;

type Row = (i64, i64, Option<Vec<u8>>, Option<Vec<u8>>, Option<String>);

/// At most `max` records of `at` from `offset` on.
pub(super) async fn records(
    file: &SqliteFile,
    at: &TopicPartition,
    topic_id: i64,
    offset: i64,
    max: usize,
) -> Result<Vec<Record>, sqlx::Error> {
    let mut rows = sqlx::query_as::<_, Row>(
        "select offset, timestamp_ms, key, value, headers from records
         where topic_id = ? and partition = ? and offset >= ? order by offset limit ?",
    )
    .bind(topic_id)
    .bind(at.partition)
    .bind(offset)
    .bind(i64::try_from(max).unwrap_or(i64::MAX))
    .fetch(file.readers());
    let mut records = Vec::new();
    let mut bytes = 0;
    while bytes < MAX_READ_BYTES
        && let Some(row) = rows.try_next().await?
    {
        let record = record(at, row)?;
        bytes += bytes_of(&record);
        records.push(record);
    }
    Ok(records)
}

fn record(at: &TopicPartition, row: Row) -> Result<Record, sqlx::Error> {
    let (offset, timestamp_ms, key, value, headers) = row;
    let headers = headers.as_deref().map(serde_json::from_str::<Vec<Header>>).transpose();
    Ok(Record {
        topic: at.topic.clone(),
        partition: at.partition,
        offset,
        timestamp_ms: Some(timestamp_ms),
        key,
        value,
        headers: headers.map_err(|error| sqlx::Error::Decode(error.into()))?.unwrap_or_default(),
    })
}

/// Where `group` reads on, as far as it has committed anything.
pub(super) async fn committed(
    file: &SqliteFile,
    group: &str,
) -> Result<HashMap<TopicPartition, i64>, sqlx::Error> {
    let rows: Vec<(String, i32, i64)> = sqlx::query_as(
        "select topics.name, offsets.partition, offsets.next
         from offsets join topics on topics.id = offsets.topic_id where offsets.group_name = ?",
    )
    .bind(group)
    .fetch_all(file.readers())
    .await?;
    Ok(rows
        .into_iter()
        .map(|(topic, partition, next)| (TopicPartition::new(topic, partition), next))
        .collect())
}

/// The oldest offset that can still be read, of the partitions of which something was deleted.
pub(super) async fn starts(file: &SqliteFile) -> Result<HashMap<TopicPartition, i64>, sqlx::Error> {
    let rows: Vec<(String, i32, i64)> = sqlx::query_as(
        "select topics.name, starts.partition, starts.start from starts join topics on topics.id = starts.topic_id",
    )
    .fetch_all(file.readers())
    .await?;
    Ok(rows
        .into_iter()
        .map(|(topic, partition, start)| (TopicPartition::new(topic, partition), start))
        .collect())
}
