//! Appending events, in the transaction that changed the state.

use esteira_events::{Event, EventMeta, Payload, SCHEMA_VERSION};
use esteira_sql::{Conn, Timestamp, bulk, on};
use esteira_telemetry::TraceContext;
use sqlx::QueryBuilder;
use uuid::Uuid;

/// An event that is about to be appended.
#[derive(Clone, Debug)]
pub struct NewEvent {
    pub payload: Payload,
    /// 1, 2, 3… of its aggregate; the aggregate's version after the event.
    pub sequence: i64,
    pub occurred_at: Timestamp,
    /// Where the command that caused it stands in its trace.
    pub trace: Option<TraceContext>,
}

/// Appends `events` in order. A sequence that its aggregate already has is refused by the unique key.
pub async fn append(conn: &mut Conn<'_>, events: Vec<NewEvent>) -> Result<(), sqlx::Error> {
    let rows = events.into_iter().map(Row::new).collect::<Result<Vec<_>, _>>()?;
    for chunk in bulk::chunks(&rows) {
        on!(conn, c => {
            let mut query = QueryBuilder::new(
                "insert into outbox (aggregate, aggregate_id, sequence, event_type, event_id, payload, created_at, traceparent) ",
            );
            query.push_values(chunk, |mut values, row| {
                values
                    .push_bind(row.event.aggregate().as_str())
                    .push_bind(row.event.aggregate_id())
                    .push_bind(row.event.meta.sequence)
                    .push_bind(row.event.event_type().as_str())
                    .push_bind(row.event.meta.event_id.to_string())
                    .push_bind(row.value.clone())
                    .push_bind(row.event.meta.occurred_at)
                    .push_bind(row.trace.map(|trace| trace.to_string()));
            });
            query.build().execute(&mut *c).await.map(drop)
        })?;
    }
    Ok(())
}

struct Row {
    event: Event,
    value: String,
    trace: Option<TraceContext>,
}

impl Row {
    fn new(new: NewEvent) -> Result<Self, sqlx::Error> {
        let meta = EventMeta {
            event_id: Uuid::now_v7(),
            occurred_at: new.occurred_at,
            sequence: Some(new.sequence),
            schema_version: SCHEMA_VERSION,
        };
        let event = Event { meta, payload: new.payload };
        let value = event.encode().map_err(|error| sqlx::Error::Encode(error.into()))?;
        Ok(Self { event, value, trace: new.trace })
    }
}
