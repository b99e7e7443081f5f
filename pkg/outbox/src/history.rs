//! An aggregate's history.

use esteira_events::AggregateKind;
use esteira_sql::{Conn, Timestamp, on};
use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::types::Json;

esteira_sql::row! {
    /// One event of an aggregate, with where it was published.
    #[derive(Debug, Serialize)]
    pub struct HistoryEntry {
        pub sequence: i64,
        pub event_type: String,
        pub event_id: String,
        pub occurred_at: Timestamp,
        /// When the dispatcher marked it as published; absent while it waits.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub published_at: Option<Timestamp>,
        #[serde(skip_serializing_if = "Option::is_none")]
        pub partition: Option<i32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        pub offset: Option<i64>,
        /// The record's value.
        pub value: Json<Box<RawValue>>,
    }
}

/// Up to `limit` events of an aggregate with a sequence above `after`, in order.
pub async fn history(
    conn: &mut Conn<'_>,
    kind: AggregateKind,
    id: i64,
    after: i64,
    limit: i64,
) -> Result<Vec<HistoryEntry>, sqlx::Error> {
    on!(conn, c => {
        sqlx::query_as(
            "select sequence, event_type, event_id, created_at as occurred_at, processed_at as published_at, \
             kafka_partition as `partition`, kafka_offset as `offset`, payload as value from outbox \
             where aggregate = ? and aggregate_id = ? and sequence > ? order by sequence limit ?",
        )
        .bind(kind.as_str())
        .bind(id)
        .bind(after)
        .bind(limit)
        .fetch_all(&mut *c)
        .await
    })
}
