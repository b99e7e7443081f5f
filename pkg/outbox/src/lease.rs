//! A lease on database time, with a fencing token that grows with every owner.

use std::time::{Duration, Instant};

use esteira_sql::{Conn, Db, on};
use sqlx::{AssertSqlSafe, QueryBuilder};

/// The lease of the dispatchers: an outbox has one at a time.
pub const DISPATCHER: &str = "dispatcher";

/// The right to work until `remaining` is over. Only marks are fenced by it: a late send is harmless, its sequence is known.
#[derive(Clone, Debug)]
pub struct Lease {
    name: String,
    token: i64,
    ttl: Duration,
    /// Taken before the statement that set the expiry was sent, so never later than the database's.
    held_until: Instant,
}

impl Lease {
    /// How long the lease is certain to be held, by this machine's monotonic clock.
    pub fn remaining(&self) -> Duration {
        self.held_until.saturating_duration_since(Instant::now())
    }

    /// Grows with every owner.
    pub fn token(&self) -> i64 {
        self.token
    }
}

/// Why a fenced write did not happen.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    #[error("the lease {0} has another owner now")]
    Lost(String),
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
}

/// Takes the lease if it is free or expired; `None` while another owner holds it. One that ends far later than any
/// owner asks for was taken before the database's clock went back, and counts as expired too.
pub async fn acquire(db: &Db, name: &str, owner: &str, ttl: Duration) -> Result<Option<Lease>, sqlx::Error> {
    let started = Instant::now();
    let mut tx = db.begin().await?;
    insert_missing(&mut tx.conn(), name).await?;
    let now = tx.conn().now_ms();
    let updated = on!(&mut tx.conn(), c => {
        let mut query = QueryBuilder::new("update leases set owner = ");
        query.push_bind(owner.to_owned());
        query.push(format!(", token = token + 1, expires_at = {now} + ")).push_bind(millis(ttl));
        query.push(" where name = ").push_bind(name.to_owned());
        query.push(format!(" and (expires_at <= {now} or expires_at > {now} + "));
        query.push_bind(10 * millis(ttl)).push(")");
        query.build().execute(&mut *c).await?.rows_affected()
    });
    let token = on!(&mut tx.conn(), c => {
        sqlx::query_scalar("select token from leases where name = ?").bind(name.to_owned()).fetch_one(&mut *c).await
    })?;
    tx.commit().await?;
    Ok((updated == 1).then(|| Lease { name: name.to_owned(), token, ttl, held_until: started + ttl }))
}

/// Whether somebody holds the lease.
pub async fn is_held(conn: &mut Conn<'_>, name: &str) -> Result<bool, sqlx::Error> {
    let now = conn.now_ms();
    let held: i64 = on!(conn, c => {
        sqlx::query_scalar(AssertSqlSafe(format!("select count(*) from leases where name = ? and expires_at > {now}")))
            .bind(name.to_owned())
            .fetch_one(&mut *c)
            .await
    })?;
    Ok(held > 0)
}

/// Gives the lease up, so that another owner need not wait for its end.
pub async fn release(db: &Db, lease: &Lease) -> Result<(), sqlx::Error> {
    let mut tx = db.begin().await?;
    on!(&mut tx.conn(), c => {
        sqlx::query("update leases set expires_at = 0 where name = ? and token = ?")
            .bind(lease.name.clone())
            .bind(lease.token)
            .execute(&mut *c)
            .await
            .map(drop)
    })?;
    tx.commit().await
}

esteira_sql::row! {
    /// Who has a lease, or had it last.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Holder {
        pub name: String,
        pub owner: String,
        pub token: i64,
        /// Until its end by the database's clock, in milliseconds; negative once it is over.
        pub remaining: i64,
    }
}

/// Every lease by name.
pub async fn holders(conn: &mut Conn<'_>) -> Result<Vec<Holder>, sqlx::Error> {
    let sql = format!(
        "select name, owner, token, expires_at - {} as remaining from leases order by name",
        conn.now_ms()
    );
    on!(conn, c => sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut *c).await)
}

/// Renews the lease inside a transaction, which locks its row: a later owner waits for this transaction to end. One that has
/// expired is lost, also if nobody has taken it: others may have gone by that.
pub(crate) async fn hold(conn: &mut Conn<'_>, lease: &mut Lease) -> Result<(), LeaseError> {
    let started = Instant::now();
    let now = conn.now_ms();
    let held = on!(conn, c => {
        let mut query = QueryBuilder::new(format!("update leases set expires_at = {now} + "));
        query.push_bind(millis(lease.ttl));
        query.push(" where name = ").push_bind(lease.name.clone());
        query.push(" and token = ").push_bind(lease.token);
        query.push(format!(" and expires_at > {now}"));
        query.build().execute(&mut *c).await?.rows_affected()
    });
    if held == 0 {
        return Err(LeaseError::Lost(lease.name.clone()));
    }
    lease.held_until = started + lease.ttl;
    Ok(())
}

impl Lease {
    /// Renews the lease by itself, for an owner that has nothing to mark.
    pub async fn renew(&mut self, db: &Db) -> Result<(), LeaseError> {
        let mut tx = db.begin().await?;
        hold(&mut tx.conn(), self).await?;
        tx.commit().await?;
        Ok(())
    }
}

async fn insert_missing(conn: &mut Conn<'_>, name: &str) -> Result<(), sqlx::Error> {
    let ignore = conn.or_ignore("name");
    on!(conn, c => {
        sqlx::query(AssertSqlSafe(format!(
            "insert into leases (name, owner, token, expires_at) values (?, '', 0, 0){ignore}",
        )))
        .bind(name.to_owned())
        .execute(&mut *c)
        .await
        .map(drop)
    })
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
