//! Rows that the log refused, and what operators do about them.

use esteira_events::{AggregateKind, Event, EventType};
use esteira_sql::{Conn, Db, Timestamp, on};
use sqlx::AssertSqlSafe;

use crate::row::{OutboxRow, columns};

esteira_sql::row! {
    /// A row that waits for its next attempt, or behind one that does.
    #[derive(Debug, Clone)]
    pub struct Stuck {
        pub id: i64,
        pub aggregate: Option<String>,
        pub aggregate_id: Option<i64>,
        pub sequence: Option<i64>,
        pub event_type: String,
        pub attempts: i32,
        pub last_error: Option<String>,
        /// Milliseconds since 1970, by the database's clock.
        pub next_attempt_at: Option<i64>,
        pub created_at: Timestamp,
    }
}

/// Up to `limit` rows that the log has refused at least once, oldest first.
pub async fn stuck(conn: &mut Conn<'_>, limit: u32) -> Result<Vec<Stuck>, sqlx::Error> {
    up_to(conn, i64::MAX, limit).await
}

/// The same among the oldest `within` rows that wait, so that the answer costs a bounded number of rows.
pub async fn oldest_refused(conn: &mut Conn<'_>, within: u32, limit: u32) -> Result<Vec<Stuck>, sqlx::Error> {
    let last: Option<i64> = on!(&mut *conn, c => {
        sqlx::query_scalar(
            "select cast(max(id) as signed) from (select id from outbox where processed_at is null order by id limit ?) waiting",
        )
        .bind(within)
        .fetch_one(&mut *c)
        .await
    })?;
    match last {
        Some(last) => up_to(conn, last, limit).await,
        None => Ok(Vec::new()),
    }
}

async fn up_to(conn: &mut Conn<'_>, last: i64, limit: u32) -> Result<Vec<Stuck>, sqlx::Error> {
    on!(conn, c => {
        sqlx::query_as(
            "select cast(id as signed) as id, aggregate, aggregate_id, sequence, event_type, attempts, last_error, \
             next_attempt_at, created_at from outbox where processed_at is null and attempts > 0 and outbox.id <= ? \
             order by outbox.id limit ?",
        )
        .bind(last)
        .bind(limit)
        .fetch_all(&mut *c)
        .await
    })
}

/// How many rows the log has refused at least once.
pub async fn refused(conn: &mut Conn<'_>) -> Result<i64, sqlx::Error> {
    on!(conn, c => {
        sqlx::query_scalar("select count(*) from outbox where processed_at is null and attempts > 0")
            .fetch_one(&mut *c)
            .await
    })
}

/// Makes the next attempt of row `id` due at once; false where no such row waits.
pub async fn retry(db: &Db, id: i64) -> Result<bool, sqlx::Error> {
    let mut tx = db.begin().await?;
    let changed = on!(&mut tx.conn(), c => {
        sqlx::query("update outbox set next_attempt_at = null where id = ? and processed_at is null and attempts > 0")
            .bind(id)
            .execute(&mut *c)
            .await?
            .rows_affected()
    });
    tx.commit().await?;
    Ok(changed > 0)
}

/// Gives row `id` up: what is published in its place has its sequence and changes nothing, so that what follows it goes
/// on. The row's event is kept in `outbox_skipped`. False where no such row waits for its next attempt: one that is being
/// tried may be on its way.
pub async fn skip(db: &Db, id: i64, reason: &str) -> Result<bool, sqlx::Error> {
    let mut tx = db.begin().await?;
    let Some(row) = find(&mut tx.conn(), id).await? else { return Ok(false) };
    keep(&mut tx.conn(), &row, reason).await?;
    let replacement = in_place_of(&row, reason);
    on!(&mut tx.conn(), c => {
        match replacement {
            Some(event) => {
                let value = event.encode().map_err(|error| sqlx::Error::Encode(error.into()))?;
                sqlx::query("update outbox set event_type = ?, payload = ?, event_id = ?, next_attempt_at = null, attempts = 0 where id = ?")
                    .bind(event.event_type().as_str())
                    .bind(value)
                    .bind(event.meta.event_id.to_string())
                    .bind(id)
                    .execute(&mut *c)
                    .await?;
            }
            // It has no place in a sequence that anybody waits for.
            None => {
                sqlx::query("update outbox set payload = '{}', processed_at = ? where id = ?")
                    .bind(Timestamp::now())
                    .bind(id)
                    .execute(&mut *c)
                    .await?;
            }
        }
    });
    tx.commit().await?;
    Ok(true)
}

async fn find(conn: &mut Conn<'_>, id: i64) -> Result<Option<OutboxRow>, sqlx::Error> {
    let sql = format!(
        "select {} from outbox where processed_at is null and attempts > 0 and next_attempt_at > {} and id = ?{}",
        columns(conn.now_ms()),
        conn.now_ms(),
        conn.for_update()
    );
    on!(conn, c => sqlx::query_as(AssertSqlSafe(sql)).bind(id).fetch_optional(&mut *c).await)
}

async fn keep(conn: &mut Conn<'_>, row: &OutboxRow, reason: &str) -> Result<(), sqlx::Error> {
    let payload = String::from_utf8_lossy(row.value()).into_owned();
    let reason: String = reason.chars().take(1_000).collect();
    on!(conn, c => {
        sqlx::query("insert into outbox_skipped (outbox_id, event_type, payload, reason, skipped_at) values (?, ?, ?, ?, ?)")
            .bind(row.id)
            .bind(row.event_type.clone())
            .bind(payload)
            .bind(reason)
            .bind(Timestamp::now())
            .execute(&mut *c)
            .await
            .map(drop)
    })
}

fn in_place_of(row: &OutboxRow, reason: &str) -> Option<Event> {
    let kind: AggregateKind = row.aggregate.as_deref()?.parse().ok()?;
    let of_kind = |event_type: &EventType| event_type.aggregate() == kind;
    // A type that nobody knows has no topic.
    let event_type = row.event_type.parse().ok().filter(of_kind).unwrap_or(match kind {
        AggregateKind::User => EventType::UserUpdated,
        AggregateKind::Product => EventType::ProductUpdated,
        AggregateKind::Order => EventType::OrderUpdated,
        AggregateKind::Reservation => EventType::StockRejected,
    });
    Some(Event::skipped(event_type, row.aggregate_id?, row.sequence?, reason))
}
