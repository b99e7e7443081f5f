//! The erasures, a row a user.

use esteira_sql::{Conn, Db, Timestamp, on};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

esteira_sql::row! {
    /// An erasure that was asked for.
    #[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
    pub struct Entry {
        pub user_id: i64,
        pub reason: String,
        #[schema(value_type = String)]
        pub requested_at: Timestamp,
        /// When it was completed; absent where it was broken off.
        #[schema(value_type = Option<String>)]
        pub erased_at: Option<Timestamp>,
    }
}

pub(crate) async fn all(conn: &mut Conn<'_>) -> Result<Vec<Entry>, sqlx::Error> {
    on!(conn, c => {
        sqlx::query_as(
            "select cast(user_id as signed) as user_id, reason, requested_at, erased_at from erasures order by erasures.user_id",
        )
        .fetch_all(&mut *c)
        .await
    })
}

/// Records that `users` are to be erased; a reason that is known already stays.
pub(crate) async fn request(db: &Db, users: &[i64], reason: &str) -> Result<(), sqlx::Error> {
    let reason: String = reason.chars().take(1_000).collect();
    let mut tx = db.begin().await?;
    let ignore = tx.conn().or_ignore("user_id");
    for user in users {
        on!(&mut tx.conn(), c => {
            sqlx::query(sqlx::AssertSqlSafe(format!(
                "insert into erasures (user_id, reason, requested_at) values (?, ?, ?){ignore}"
            )))
            .bind(*user)
            .bind(reason.clone())
            .bind(Timestamp::now())
            .execute(&mut *c)
            .await
            .map(drop)
        })?;
        on!(&mut tx.conn(), c => {
            sqlx::query("update erasures set erased_at = null where user_id = ?").bind(*user).execute(&mut *c).await.map(drop)
        })?;
    }
    tx.commit().await
}

/// Forgets that `user` was asked for.
pub(crate) async fn withdraw(db: &Db, user: i64) -> Result<(), sqlx::Error> {
    let mut tx = db.begin().await?;
    on!(&mut tx.conn(), c => {
        sqlx::query("delete from erasures where user_id = ?").bind(user).execute(&mut *c).await.map(drop)
    })?;
    tx.commit().await
}

pub(crate) async fn complete(db: &Db, users: &[i64]) -> Result<(), sqlx::Error> {
    let mut tx = db.begin().await?;
    for user in users {
        on!(&mut tx.conn(), c => {
            sqlx::query("update erasures set erased_at = ? where user_id = ?")
                .bind(Timestamp::now())
                .bind(*user)
                .execute(&mut *c)
                .await
                .map(drop)
        })?;
    }
    tx.commit().await
}
