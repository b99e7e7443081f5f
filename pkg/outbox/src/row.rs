//! A row of the outbox.

use esteira_events::{Event, EventType};
use esteira_sql::{Conn, Timestamp, on};
use serde_json::value::RawValue;
use sqlx::QueryBuilder;
use sqlx::types::Json;

esteira_sql::row! {
    /// An event as the outbox keeps it.
    #[derive(Debug)]
    pub struct OutboxRow {
        pub id: i64,
        /// Go's rows name neither the aggregate's id nor the event's.
        pub aggregate: Option<String>,
        pub aggregate_id: Option<i64>,
        pub sequence: Option<i64>,
        pub event_type: String,
        pub event_id: Option<String>,
        payload: Json<Box<RawValue>>,
        pub created_at: Timestamp,
        pub traceparent: Option<String>,
        /// How often the row was refused by the log.
        pub attempts: i32,
        /// Whether its next attempt is still to come: then it only holds back its key.
        pub waiting: bool,
        pub published: bool,
        pub published_at: Option<Timestamp>,
        /// Where it was published, if our dispatcher did that.
        pub partition: Option<i32>,
        pub offset: Option<i64>,
    }
}

impl OutboxRow {
    /// The record's value.
    pub fn value(&self) -> &[u8] {
        self.payload.0.get().as_bytes()
    }

    /// The event, where the row is one that is known here.
    pub fn event(&self) -> Result<Event, String> {
        let event_type: EventType = self.event_type.parse()?;
        Event::decode(event_type, Some(self.value())).map_err(|error| error.to_string())
    }
}

/// The columns of [`OutboxRow`]; `now` is the database's clock in milliseconds, as SQL. GORM makes the id BIGINT UNSIGNED.
pub(crate) fn columns(now: &str) -> String {
    format!(
        "cast(id as signed) as id, aggregate, aggregate_id, sequence, event_type, event_id, payload, created_at, traceparent, \
         attempts, coalesce(next_attempt_at > {now}, 0) as waiting, processed_at is not null as published, processed_at as published_at, kafka_partition as `partition`, kafka_offset as `offset`"
    )
}

/// Up to `limit` rows of which `condition` holds with an id above `after` and up to `to`, in order of id.
pub(crate) async fn page(
    conn: &mut Conn<'_>,
    condition: &str,
    after: i64,
    to: i64,
    limit: u32,
) -> Result<Vec<OutboxRow>, sqlx::Error> {
    let columns = columns(conn.now_ms());
    // Ordered by the column, since the cast has no index.
    on!(conn, c => {
        QueryBuilder::new(format!("select {columns} from outbox where {condition} and id > "))
            .push_bind(after)
            .push(" and id <= ")
            .push_bind(to)
            .push(" order by outbox.id limit ")
            .push_bind(limit)
            .build_query_as()
            .fetch_all(&mut *c)
            .await
    })
}
