//! How much goes through the outbox, for whoever watches it; each answer costs a bounded number of rows.

use esteira_sql::{Conn, on};

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
