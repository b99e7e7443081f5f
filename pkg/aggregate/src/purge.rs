//! Removing what no retry can ask for any more.

use chrono::TimeDelta;
use esteira_sql::{Db, Timestamp, on};

/// Clients may retry for this long (CONTRACTS: idempotency keys are kept 24 h).
const KEYS_KEPT: TimeDelta = TimeDelta::hours(24);
/// A lost COMMIT is asked after within seconds.
const BATCHES_KEPT: TimeDelta = TimeDelta::hours(1);

/// Deletes expired idempotency keys and batch ids; returns how many rows went.
pub async fn purge(db: &Db, now: Timestamp) -> Result<u64, sqlx::Error> {
    let mut tx = db.begin().await?;
    let keys = Timestamp::from(now.to_utc() - KEYS_KEPT);
    let batches = Timestamp::from(now.to_utc() - BATCHES_KEPT);
    let purged = on!(&mut tx.conn(), c => {
        let keys = sqlx::query("delete from idempotency_keys where created_at < ?").bind(keys).execute(&mut *c).await?;
        let batches = sqlx::query("delete from command_batches where created_at < ?").bind(batches).execute(&mut *c).await?;
        keys.rows_affected() + batches.rows_affected()
    });
    tx.commit().await?;
    Ok(purged)
}
