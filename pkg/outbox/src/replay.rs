//! The outbox read as the event log that it is: each aggregate's history, one aggregate after the other.

use esteira_events::{AggregateKind, Event};
use esteira_sql::{Conn, Db, bulk, on};
use sqlx::QueryBuilder;

use crate::row::{OutboxRow, columns, page};

/// Rows looked at in one go.
const PAGE: u32 = 1_000;

/// A place in the histories of one kind: an aggregate's id and a sequence.
pub type Place = (i64, i64);

/// Up to `limit` sequenced rows of `kind` behind `after`, in order of aggregate and sequence, published or not.
pub async fn histories(
    conn: &mut Conn<'_>,
    kind: AggregateKind,
    after: Place,
    limit: u32,
) -> Result<Vec<OutboxRow>, sqlx::Error> {
    // Two ranges, each of which the index answers: no engine plans the comparison of pairs well.
    let mut rows = history_of(conn, kind, after, limit).await?;
    let left = limit.saturating_sub(u32::try_from(rows.len()).unwrap_or(limit));
    if left > 0 {
        let columns = columns(conn.now_ms());
        let more: Vec<OutboxRow> = on!(conn, c => {
            let mut query = QueryBuilder::new(format!("select {columns} from outbox where aggregate = "));
            query.push_bind(kind.as_str()).push(" and aggregate_id > ").push_bind(after.0);
            query.push(" and sequence is not null order by aggregate_id, sequence limit ").push_bind(left);
            query.build_query_as().fetch_all(&mut *c).await
        })?;
        rows.extend(more);
    }
    Ok(rows)
}

/// Up to `limit` sequenced rows of one aggregate behind `after`, in order.
pub async fn history_of(
    conn: &mut Conn<'_>,
    kind: AggregateKind,
    after: Place,
    limit: u32,
) -> Result<Vec<OutboxRow>, sqlx::Error> {
    let columns = columns(conn.now_ms());
    on!(conn, c => {
        let mut query = QueryBuilder::new(format!("select {columns} from outbox where aggregate = "));
        query.push_bind(kind.as_str()).push(" and aggregate_id = ").push_bind(after.0);
        query.push(" and sequence > ").push_bind(after.1);
        query.push(" order by sequence limit ").push_bind(limit);
        query.build_query_as().fetch_all(&mut *c).await
    })
}

/// The rows of Go among the histories of `ids`, which have no sequence.
pub async fn unsequenced(
    conn: &mut Conn<'_>,
    kind: AggregateKind,
    ids: &[i64],
) -> Result<Vec<OutboxRow>, sqlx::Error> {
    let columns = columns(conn.now_ms());
    let mut rows = Vec::new();
    for list in bulk::key_lists(ids) {
        let found: Vec<OutboxRow> = on!(conn, c => {
            let mut query = QueryBuilder::new(format!("select {columns} from outbox where aggregate = "));
            query.push_bind(kind.as_str()).push(" and sequence is null and aggregate_id in ");
            bulk::push_list(&mut query, &list);
            query.push(" order by outbox.id").build_query_as().fetch_all(&mut *c).await
        })?;
        rows.extend(found);
    }
    Ok(rows)
}

/// Those of `ids` that have a history.
pub async fn with_history(
    conn: &mut Conn<'_>,
    kind: AggregateKind,
    ids: &[i64],
) -> Result<Vec<i64>, sqlx::Error> {
    let mut found = Vec::new();
    for list in bulk::key_lists(ids) {
        let rows: Vec<i64> = on!(conn, c => {
            let mut query = QueryBuilder::new("select distinct aggregate_id from outbox where aggregate = ");
            query.push_bind(kind.as_str()).push(" and aggregate_id in ");
            bulk::push_list(&mut query, &list);
            query.build_query_scalar().fetch_all(&mut *c).await
        })?;
        found.extend(rows);
    }
    Ok(found)
}

/// How many rows `kind` has.
pub async fn count(conn: &mut Conn<'_>, kind: AggregateKind) -> Result<i64, sqlx::Error> {
    on!(conn, c => {
        sqlx::query_scalar("select count(*) from outbox where aggregate = ?")
            .bind(kind.as_str())
            .fetch_one(&mut *c)
            .await
    })
}

esteira_sql::row! {
    /// A row that is marked as published.
    #[derive(Debug)]
    pub struct Published {
        pub id: i64,
        pub event_type: String,
        pub event_id: String,
        /// Where, if our dispatcher published it.
        pub partition: Option<i32>,
        pub offset: Option<i64>,
    }
}

/// Up to `limit` published rows with an id above `after`, in order of id; Go's that nobody has named are left out.
pub async fn published(conn: &mut Conn<'_>, after: i64, limit: u32) -> Result<Vec<Published>, sqlx::Error> {
    on!(conn, c => {
        sqlx::query_as(
            "select cast(id as signed) as id, event_type, event_id, kafka_partition as `partition`, kafka_offset as `offset` from outbox \
             where processed_at is not null and event_id is not null and id > ? order by outbox.id limit ?",
        )
        .bind(after)
        .bind(limit)
        .fetch_all(&mut *c)
        .await
    })
}

/// Writes beside the rows of Go whose they are, as their values say, so that they belong to a history; a
/// creation is the first of its sequence. How many there were.
pub async fn name_rows_of_go(db: &Db) -> Result<usize, sqlx::Error> {
    let (mut after, mut named) = (0, 0);
    loop {
        let rows = page(&mut db.read().await?.conn(), "aggregate_id is null", after, i64::MAX, PAGE).await?;
        let Some(last) = rows.last() else { return Ok(named) };
        after = last.id;
        for row in &rows {
            if let Ok(event) = row.event() {
                name(db, row.id, &event).await?;
                named += 1;
            }
        }
    }
}

async fn name(db: &Db, id: i64, event: &Event) -> Result<(), sqlx::Error> {
    let mut tx = db.begin().await?;
    let update = async |conn: &mut Conn<'_>, sequence: Option<i64>| {
        on!(conn, c => {
            sqlx::query("update outbox set aggregate = ?, aggregate_id = ?, event_id = ?, sequence = ? where id = ? and aggregate_id is null")
                .bind(event.aggregate().as_str())
                .bind(event.aggregate_id())
                .bind(event.meta.event_id.to_string())
                .bind(sequence)
                .bind(id)
                .execute(&mut *c)
                .await
                .map(drop)
        })
    };
    match update(&mut tx.conn(), event.sequence()).await {
        // Somebody announced the creation twice: the second one has no place.
        Err(error)
            if error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation) =>
        {
            update(&mut tx.conn(), None).await?;
        }
        outcome => outcome?,
    }
    tx.commit().await
}
