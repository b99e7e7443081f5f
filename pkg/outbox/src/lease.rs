//! Leases on database time, each with a fencing token that grows with every owner.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use esteira_sql::{Conn, Db, on};
use sqlx::{AssertSqlSafe, QueryBuilder};

/// Milliseconds ahead at which no lease ends: the longest `ESTEIRA_LEASE_TTL` is ten minutes.
const FARTHEST: i64 = 660_000;

/// The right to work until `remaining` is over, in all that it names. Only marks are fenced by it: a late send is harmless,
/// its sequence is known.
#[derive(Clone, Debug)]
pub struct Lease {
    owner: String,
    ttl: Duration,
    /// The token of each thing that is leased, by its name.
    tokens: BTreeMap<String, i64>,
    /// Taken before the statement that set the expiry was sent, so never later than the database's.
    held_until: Instant,
}

impl Lease {
    /// Of nothing yet.
    pub fn new(owner: &str, ttl: Duration) -> Self {
        Self { owner: owner.to_owned(), ttl, tokens: BTreeMap::new(), held_until: Instant::now() }
    }

    /// How long the lease is certain to be held, by this machine's monotonic clock.
    pub fn remaining(&self) -> Duration {
        self.held_until.saturating_duration_since(Instant::now())
    }

    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// What it is for.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tokens.keys().map(String::as_str)
    }

    /// Grows with every owner of `name`; `None` where the lease is not for that.
    pub fn token(&self, name: &str) -> Option<i64> {
        self.tokens.get(name).copied()
    }

    /// Renews the lease by itself, for an owner that has nothing to mark.
    pub async fn renew(&mut self, db: &Db) -> Result<(), LeaseError> {
        let mut tx = db.begin().await?;
        hold(&mut tx.conn(), self).await?;
        tx.commit().await?;
        Ok(())
    }

    pub(crate) fn ttl(&self) -> Duration {
        self.ttl
    }

    /// Gives `names` up, so that another owner need not wait for their end.
    pub(crate) async fn give_up(&mut self, conn: &mut Conn<'_>, names: &[String]) -> Result<(), sqlx::Error> {
        for name in names {
            let Some(token) = self.tokens.remove(name) else { continue };
            on!(&mut *conn, c => {
                sqlx::query("update leases set expires_at = 0 where name = ? and token = ?")
                    .bind(name.clone())
                    .bind(token)
                    .execute(&mut *c)
                    .await
                    .map(drop)
            })?;
        }
        Ok(())
    }
}

/// Why a fenced write did not happen.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    #[error("a lease of {0} has another owner now")]
    Lost(String),
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
}

/// Takes the lease of `name` if it is free or expired; `None` while another owner holds it.
pub async fn acquire(db: &Db, name: &str, owner: &str, ttl: Duration) -> Result<Option<Lease>, sqlx::Error> {
    let mut lease = Lease::new(owner, ttl);
    let started = Instant::now();
    let mut tx = db.begin().await?;
    insert_missing(&mut tx.conn(), name).await?;
    take(&mut tx.conn(), &mut lease, name).await?;
    tx.commit().await?;
    lease.held_until = started + ttl;
    Ok(Some(lease).filter(|lease| !lease.tokens.is_empty()))
}

/// Gives all of the lease up.
pub async fn release(db: &Db, mut lease: Lease) -> Result<(), sqlx::Error> {
    let held: Vec<_> = lease.tokens.keys().cloned().collect();
    let mut tx = db.begin().await?;
    lease.give_up(&mut tx.conn(), &held).await?;
    tx.commit().await
}

/// Adds `name`, which has a row, to `lease` if it is free, until as long from now as the lease is for.
pub(crate) async fn take(conn: &mut Conn<'_>, lease: &mut Lease, name: &str) -> Result<(), sqlx::Error> {
    let (until, live) = (expiry(conn, lease.ttl), is_live(conn));
    let updated = on!(&mut *conn, c => {
        let sql = format!("update leases set owner = ?, token = token + 1, expires_at = {until} where name = ? and not {live}");
        sqlx::query(AssertSqlSafe(sql))
            .bind(lease.owner.clone())
            .bind(name.to_owned())
            .execute(&mut *c)
            .await?
            .rows_affected()
    });
    if updated == 1 {
        let token = on!(conn, c => {
            sqlx::query_scalar("select token from leases where name = ?").bind(name.to_owned()).fetch_one(&mut *c).await
        })?;
        lease.tokens.insert(name.to_owned(), token);
    }
    Ok(())
}

/// Renews the lease inside a transaction, which locks its rows: a later owner waits for this transaction to end. One that has
/// expired is lost, also if nobody has taken it: others may have gone by that. A part that is lost loses all.
pub(crate) async fn hold(conn: &mut Conn<'_>, lease: &mut Lease) -> Result<(), LeaseError> {
    let started = Instant::now();
    if !lease.tokens.is_empty() {
        let until = expiry(conn, lease.ttl);
        let now = conn.now_ms();
        let held = on!(conn, c => {
            let mut query = QueryBuilder::new(format!("update leases set expires_at = {until} where expires_at > {now} and ("));
            for (place, (name, token)) in lease.tokens.iter().enumerate() {
                query.push(if place == 0 { "(name = " } else { " or (name = " });
                query.push_bind(name.clone()).push(" and token = ").push_bind(*token).push(")");
            }
            query.push(")").build().execute(&mut *c).await?.rows_affected()
        });
        if held != lease.tokens.len() as u64 {
            return Err(LeaseError::Lost(lease.owner.clone()));
        }
    }
    lease.held_until = started + lease.ttl;
    Ok(())
}

/// When what is leased for `ttl` from now on ends, in SQL.
pub(crate) fn expiry(conn: &Conn<'_>, ttl: Duration) -> String {
    format!("{} + {}", conn.now_ms(), millis(ttl))
}

/// Whether what a row says is not over yet, in SQL. One that ends later than any owner asks for was written before the
/// database's clock went back, and counts as over too.
pub(crate) fn is_live(conn: &Conn<'_>) -> String {
    let now = conn.now_ms();
    format!("(expires_at > {now} and expires_at <= {now} + {FARTHEST})")
}

pub(crate) async fn insert_missing(conn: &mut Conn<'_>, name: &str) -> Result<(), sqlx::Error> {
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

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
