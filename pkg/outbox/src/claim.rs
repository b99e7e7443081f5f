//! What the dispatcher does to rows: claim, mark published, put off.

use esteira_sql::{Conn, Db, Timestamp, bulk, on};
use sqlx::QueryBuilder;

use crate::lease::{Lease, LeaseError, hold};
use crate::row::{OutboxRow, page};

/// Up to `limit` unpublished rows with an id above `after`, in order of id, those that wait for their next attempt included.
///
/// Claimed by `processed_at is null` and paged by id only within a sweep: auto-increment ids commit out of order,
/// so a dispatcher that remembered the last id would skip rows.
pub async fn claim(conn: &mut Conn<'_>, after: i64, limit: u32) -> Result<Vec<OutboxRow>, sqlx::Error> {
    page(conn, "processed_at is null", after, limit).await
}

/// Where a row was published.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    pub id: i64,
    pub partition: i32,
    pub offset: i64,
}

/// Marks rows as published, if `lease` is still held; renews it by the way.
pub async fn mark_published(db: &Db, lease: &mut Lease, marks: &[Mark]) -> Result<(), LeaseError> {
    let mut tx = db.begin().await?;
    hold(&mut tx.conn(), lease).await?;
    for chunk in bulk::chunks(marks) {
        on!(&mut tx.conn(), c => {
            let mut query = bulk::Update::new("outbox", chunk, |mark: &Mark| mark.id)
                .set("kafka_partition", |mark| mark.partition)
                .set("kafka_offset", |mark| mark.offset)
                .set_all("processed_at", Timestamp::now())
                .finish();
            query.push(" and processed_at is null");
            query.build().execute(&mut *c).await?;
        });
    }
    tx.commit().await?;
    Ok(())
}

/// The wait before the next attempt of a row that the log refused `attempts` times, in milliseconds: 1, 2, 4, 8, 16 s, then 5 minutes.
pub fn delay(attempts: i32) -> i64 {
    match attempts {
        ..=1 => 1_000,
        2..=5 => 1_000 << (attempts - 1),
        6.. => 300_000,
    }
}

/// Puts a refused row off: it holds back its own key until its next attempt.
pub async fn mark_failed(db: &Db, lease: &mut Lease, row: &OutboxRow, error: &str) -> Result<(), LeaseError> {
    let attempts = row.attempts + 1;
    let error: String = error.chars().take(1_000).collect();
    let mut tx = db.begin().await?;
    hold(&mut tx.conn(), lease).await?;
    let now = tx.conn().now_ms();
    on!(&mut tx.conn(), c => {
        let mut query = QueryBuilder::new("update outbox set attempts = ");
        query.push_bind(attempts).push(", last_error = ").push_bind(error);
        query.push(format!(", next_attempt_at = {now} + ")).push_bind(delay(attempts));
        query.push(" where processed_at is null and id = ").push_bind(row.id);
        query.build().execute(&mut *c).await?;
    });
    tx.commit().await?;
    Ok(())
}

/// How many rows wait to be published, counted up to `limit`, and since when the oldest does.
pub async fn backlog(conn: &mut Conn<'_>, limit: u32) -> Result<(i64, Option<Timestamp>), sqlx::Error> {
    let count = on!(conn, c => {
        sqlx::query_scalar("select count(*) from (select id from outbox where processed_at is null limit ?) waiting")
            .bind(limit)
            .fetch_one(&mut *c)
            .await
    })?;
    let oldest = on!(conn, c => {
        sqlx::query_scalar("select created_at from outbox where processed_at is null order by id limit 1")
            .fetch_optional(&mut *c)
            .await
    })?;
    Ok((count, oldest))
}
