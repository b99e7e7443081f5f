//! Removing what no retry can ask for any more.

use chrono::{DateTime, TimeDelta, Utc};
use esteira_sql::{Db, Timestamp, on};
use sqlx::AssertSqlSafe;

/// Clients may retry for this long (CONTRACTS: idempotency keys are kept 24 h).
const KEYS_KEPT: TimeDelta = TimeDelta::hours(24);
/// A lost COMMIT is asked after within seconds.
const BATCHES_KEPT: TimeDelta = TimeDelta::hours(1);

/// Rows that one transaction deletes: a longer one would hold up the commands.
const PAGE: u64 = 1_000;

/// Deletes expired idempotency keys and batch ids; returns how many rows went.
pub async fn purge(db: &Db, now: Timestamp) -> Result<u64, sqlx::Error> {
    let mut purged = 0;
    loop {
        let keys = page(db, "idempotency_keys", "scope", now.to_utc() - KEYS_KEPT).await?;
        let batches = page(db, "command_batches", "batch_id", now.to_utc() - BATCHES_KEPT).await?;
        purged += keys + batches;
        if keys < PAGE && batches < PAGE {
            return Ok(purged);
        }
    }
}

/// MySQL takes no `limit` in a subquery but inside a derived table.
async fn page(db: &Db, table: &str, key: &str, before: DateTime<Utc>) -> Result<u64, sqlx::Error> {
    let sql = format!(
        "delete from {table} where {key} in \
         (select {key} from (select {key} from {table} where created_at < ? limit {PAGE}) expired)"
    );
    let mut tx = db.begin().await?;
    let deleted = on!(&mut tx.conn(), c => {
        sqlx::query(AssertSqlSafe(sql)).bind(Timestamp::from(before)).execute(&mut *c).await?.rows_affected()
    });
    tx.commit().await?;
    Ok(deleted)
}
