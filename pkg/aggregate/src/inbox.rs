//! Inbox marks: an event's effect and its mark are one transaction.

use std::collections::HashSet;

use esteira_sql::{Conn, Timestamp, bulk, on};
use sqlx::QueryBuilder;

/// Those of `event_ids` that `service` has handled.
pub async fn handled(
    conn: &mut Conn<'_>,
    service: &'static str,
    event_ids: &[&str],
) -> Result<HashSet<String>, sqlx::Error> {
    let mut found = HashSet::new();
    for list in bulk::key_lists(event_ids) {
        let rows: Vec<String> = on!(conn, c => {
            let mut query = QueryBuilder::new("select event_id from processed_events where service_name = ");
            query.push_bind(service).push(" and event_id in ");
            bulk::push_texts(&mut query, &list);
            query.build_query_scalar().fetch_all(&mut *c).await
        })?;
        found.extend(rows);
    }
    Ok(found)
}

/// Marks `event_ids` as handled by `service`; none of them may be marked already.
pub async fn mark(
    conn: &mut Conn<'_>,
    service: &'static str,
    event_ids: &[&str],
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    for chunk in bulk::chunks(event_ids) {
        on!(conn, c => {
            let mut query = QueryBuilder::new("insert into processed_events (event_id, service_name, processed_at) ");
            query.push_values(chunk, |mut row, event_id| {
                row.push_bind((*event_id).to_owned()).push_bind(service).push_bind(at);
            });
            query.build().execute(&mut *c).await.map(drop)
        })?;
    }
    Ok(())
}
