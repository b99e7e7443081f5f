//! What the dispatcher does to rows: claim, mark published, put off.

use esteira_sql::{Conn, Db, Timestamp, bulk, on};
use sqlx::QueryBuilder;

use crate::lease::{Lease, LeaseError, hold};
use crate::row::{OutboxRow, page};
use crate::slots::{SLOTS, Slots};

/// Rows that one claim has taken, and the id after which there may be more.
#[derive(Debug, Default)]
pub struct Page {
    pub rows: Vec<OutboxRow>,
    pub next: Option<i64>,
}

impl Page {
    /// Whether nothing was claimed, and there is no more.
    pub fn is_end(&self) -> bool {
        self.rows.is_empty() && self.next.is_none()
    }
}

/// Up to `limit` unpublished rows of `slots` with an id above `after`, in order of id, those that wait for their next attempt
/// included. Rows of Go, which only their values tell, are there whatever their slot.
///
/// Claimed by `processed_at is null` and paged by id only within a sweep: auto-increment ids commit out of order,
/// so a dispatcher that remembered the last id would skip rows.
pub async fn claim(conn: &mut Conn<'_>, slots: Slots, after: i64, limit: u32) -> Result<Page, sqlx::Error> {
    const UNPUBLISHED: &str = "processed_at is null";
    let Some(of_slots) = slots.condition() else {
        let rows = page(conn, UNPUBLISHED, after, i64::MAX, limit).await?;
        let next = last_of(&rows, limit);
        return Ok(Page { rows, next });
    };
    // What others leave for long must not be looked through whole: as many rows as have a page for these slots.
    let stretch = limit * u32::from(SLOTS) / u32::try_from(slots.len()).unwrap_or(1).max(1);
    let (count, end) = stretch_of(conn, after, stretch).await?;
    let Some(end) = end else { return Ok(Page::default()) };
    let rows = page(conn, &format!("{UNPUBLISHED} and {of_slots}"), after, end, limit).await?;
    let next = last_of(&rows, limit).or(Some(end).filter(|_| count >= i64::from(stretch)));
    Ok(Page { rows, next })
}

/// The last of `rows`, if they are as many as were asked for.
fn last_of(rows: &[OutboxRow], limit: u32) -> Option<i64> {
    rows.last().filter(|_| rows.len() >= limit as usize).map(|last| last.id)
}

/// How many of up to `limit` unpublished rows there are above `after`, and the last one's id; the index alone answers.
async fn stretch_of(conn: &mut Conn<'_>, after: i64, limit: u32) -> Result<(i64, Option<i64>), sqlx::Error> {
    on!(conn, c => {
        sqlx::query_as(
            "select count(*), cast(max(id) as signed) from \
             (select id from outbox where processed_at is null and id > ? order by id limit ?) stretch",
        )
        .bind(after)
        .bind(limit)
        .fetch_one(&mut *c)
        .await
    })
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
