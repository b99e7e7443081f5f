//! Statements past the platform, for what no client can cause.

use esteira_sql::{Db, on};
use sqlx::AssertSqlSafe;

/// Runs one statement and commits it.
pub async fn execute(db: &Db, sql: &str) {
    let mut tx = db.begin().await.unwrap();
    on!(&mut tx.conn(), c => sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut *c).await.map(drop))
        .unwrap();
    tx.commit().await.unwrap();
}

/// Runs one statement and takes it back.
pub async fn undo(db: &Db, sql: &str) {
    let mut tx = db.begin().await.unwrap();
    on!(&mut tx.conn(), c => sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut *c).await.map(drop))
        .unwrap();
    tx.rollback().await.unwrap();
}
