//! How much goes through the outbox, for whoever watches it; each answer costs a bounded number of rows.

use esteira_sql::{Conn, on};

use crate::stuck::Stuck;

esteira_sql::row! {
    /// How many events of an aggregate's kind were appended.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Appended {
        /// Go's rows do not tell it.
        pub aggregate: Option<String>,
        pub events: i64,
    }
}

/// The id of the newest row, 0 where there is none.
pub async fn newest(conn: &mut Conn<'_>) -> Result<i64, sqlx::Error> {
    on!(conn, c => {
        sqlx::query_scalar("select cast(coalesce(max(id), 0) as signed) from outbox").fetch_one(&mut *c).await
    })
}

/// The rows with an id above `after` by kind of aggregate, counted up to `limit` in all.
pub async fn appended(conn: &mut Conn<'_>, after: i64, limit: u32) -> Result<Vec<Appended>, sqlx::Error> {
    on!(conn, c => {
        sqlx::query_as(
            "select aggregate, count(*) as events from \
             (select aggregate from outbox where id > ? order by id limit ?) appended group by aggregate",
        )
        .bind(after)
        .bind(limit)
        .fetch_all(&mut *c)
        .await
    })
}

/// Up to `limit` rows that the log has refused, oldest first, among the oldest `within` that wait.
pub async fn oldest_refused(conn: &mut Conn<'_>, within: u32, limit: u32) -> Result<Vec<Stuck>, sqlx::Error> {
    let last: Option<i64> = on!(&mut *conn, c => {
        sqlx::query_scalar(
            "select cast(max(id) as signed) from (select id from outbox where processed_at is null order by id limit ?) waiting",
        )
        .bind(within)
        .fetch_one(&mut *c)
        .await
    })?;
    let Some(last) = last else { return Ok(Vec::new()) };
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
