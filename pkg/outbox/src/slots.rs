//! How dispatchers share an outbox: every aggregate belongs to a slot, and every slot to one dispatcher at a time.

use std::time::Duration;

use esteira_sql::{Conn, Db, on};
use sqlx::AssertSqlSafe;

use crate::lease::{Lease, LeaseError, expiry, hold, insert_missing, is_live, millis, take};
use crate::record::Key;

/// How many there are, and so the most dispatchers that have something to do. Every dispatcher of an outbox must know the same number.
pub const SLOTS: u8 = 16;

const PREFIX: &str = "dispatcher/";
/// A dispatcher that has not been seen for so many of its lease times is forgotten.
const FORGOTTEN: i64 = 10;

/// Some of the slots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slots(u16);

impl Slots {
    pub const ALL: Self = Self(u16::MAX);

    /// Those that `lease` holds.
    pub fn of(lease: &Lease) -> Self {
        let held = (0..SLOTS).filter(|slot| lease.names().any(|held| held == name(*slot)));
        Self(held.fold(0, |slots, slot| slots | 1 << slot))
    }

    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the rows of `key` are published by whoever has these.
    pub fn have(self, key: &Key) -> bool {
        let (Key::Aggregate(_, id) | Key::Row(id)) = key;
        self.0 & (1 << (id & i64::from(SLOTS - 1))) != 0
    }

    /// Of which rows [`Self::have`] may be true: what belongs to those of Go shows only in their values. `None` for all.
    pub(crate) fn condition(self) -> Option<String> {
        if self == Self::ALL {
            return None;
        }
        let slots: Vec<_> =
            (0..SLOTS).filter(|slot| self.0 & (1 << slot) != 0).map(|slot| slot.to_string()).collect();
        let last = SLOTS - 1;
        Some(format!(
            "(aggregate is null or aggregate_id is null or (aggregate_id & {last}) in ({}))",
            slots.join(", ")
        ))
    }
}

fn name(slot: u8) -> String {
    format!("{PREFIX}{slot:02}")
}

/// Renews what `lease` holds, and brings it to its owner's share of the slots among the dispatchers that are alive: takes
/// free ones, gives surplus ones up. Nothing of those may be on its way, so this is for between two sweeps.
///
/// What is held is renewed, and so locked, before free ones are, which are never waited for: so two dispatchers that balance at
/// once, or mark meanwhile, cannot wait for each other.
pub async fn balance(db: &Db, lease: &mut Lease) -> Result<(), LeaseError> {
    let mut next = lease.clone();
    let mut tx = db.begin().await?;
    hold(&mut tx.conn(), &mut next).await?;
    join(&mut tx.conn(), &next).await?;
    let share = share(&sharing(&mut tx.conn(), next.owner()).await?, next.owner());
    let surplus: Vec<_> = next.names().skip(share).map(str::to_owned).collect();
    next.give_up(&mut tx.conn(), &surplus).await?;
    let missing = share.saturating_sub(next.names().count());
    for name in free(&mut tx.conn(), missing).await? {
        take(&mut tx.conn(), &mut next, &name).await?;
    }
    forget(&mut tx.conn(), lease.ttl()).await?;
    tx.commit().await?;
    *lease = next;
    Ok(())
}

/// Gives every slot up, and leaves the dispatchers.
pub async fn leave(db: &Db, lease: &mut Lease) -> Result<(), sqlx::Error> {
    let mut tx = db.begin().await?;
    let held: Vec<_> = lease.names().map(str::to_owned).collect();
    lease.give_up(&mut tx.conn(), &held).await?;
    remove(&mut tx.conn(), lease.owner()).await?;
    tx.commit().await
}

/// Takes the slots of every dispatcher away. Only for a store that nobody else has open: whoever is known there was killed.
pub async fn take_over(db: &Db) -> Result<(), sqlx::Error> {
    let mut tx = db.begin().await?;
    let mut conn = tx.conn();
    on!(&mut conn, c => {
        let freed = format!("update leases set expires_at = 0 where name like '{PREFIX}%'");
        sqlx::query(AssertSqlSafe(freed)).execute(&mut *c).await?;
        sqlx::query("delete from dispatchers").execute(&mut *c).await.map(drop)
    })?;
    tx.commit().await
}

/// Whether any dispatcher is at work.
pub async fn is_dispatched(conn: &mut Conn<'_>) -> Result<bool, sqlx::Error> {
    let live = is_live(conn);
    let held: i64 = on!(conn, c => {
        sqlx::query_scalar(AssertSqlSafe(format!(
            "select count(*) from leases where name like '{PREFIX}%' and {live}"
        )))
        .fetch_one(&mut *c)
        .await
    })?;
    Ok(held > 0)
}

esteira_sql::row! {
    /// A dispatcher that is alive.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct DispatcherNow {
        pub owner: String,
        /// Slots that it holds; none where others have them all.
        pub slots: i64,
        /// Until it counts as gone by the database's clock, in milliseconds.
        pub remaining: i64,
        /// How often it has been seen; more than once if it has slots.
        seen: i64,
    }
}

/// The dispatchers that are alive, by name.
pub async fn dispatchers(conn: &mut Conn<'_>) -> Result<Vec<DispatcherNow>, sqlx::Error> {
    let (now, live) = (conn.now_ms(), is_live(conn));
    let sql = format!(
        "select owner, cast(sum(slot) as signed) as slots, max(expires_at) - {now} as remaining, max(seen) as seen from (\
         select owner, 0 as slot, expires_at, seen from dispatchers where {live} union all \
         select owner, 1, expires_at, 2 from leases where name like '{PREFIX}%' and {live}\
         ) alive group by owner order by owner"
    );
    on!(conn, c => sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut *c).await)
}

/// Those that share the slots as `owner` sees it. Nothing is given up for one that was seen once: it may die at every start.
async fn sharing(conn: &mut Conn<'_>, owner: &str) -> Result<Vec<String>, sqlx::Error> {
    let mut alive = dispatchers(conn).await?;
    alive.retain(|dispatcher| dispatcher.seen > 1 || dispatcher.owner == owner);
    Ok(alive.into_iter().map(|dispatcher| dispatcher.owner).collect())
}

/// How many slots `owner` is to have. All of `owners` come to the same division, whose parts differ by one at most.
fn share(owners: &[String], owner: &str) -> usize {
    let (slots, all) = (usize::from(SLOTS), owners.len().max(1));
    let place = owners.iter().position(|other| other == owner).unwrap_or(all);
    slots / all + usize::from(place < slots % all)
}

async fn join(conn: &mut Conn<'_>, lease: &Lease) -> Result<(), sqlx::Error> {
    let until = expiry(conn, lease.ttl());
    let seen = on!(conn, c => {
        sqlx::query(AssertSqlSafe(format!("update dispatchers set expires_at = {until}, seen = seen + 1 where owner = ?")))
            .bind(lease.owner().to_owned())
            .execute(&mut *c)
            .await?
            .rows_affected()
    });
    if seen == 0 {
        on!(conn, c => {
            sqlx::query(AssertSqlSafe(format!("insert into dispatchers (owner, expires_at, seen) values (?, {until}, 1)")))
                .bind(lease.owner().to_owned())
                .execute(&mut *c)
                .await
                .map(drop)
        })?;
    }
    Ok(())
}

async fn remove(conn: &mut Conn<'_>, owner: &str) -> Result<(), sqlx::Error> {
    on!(conn, c => {
        sqlx::query("delete from dispatchers where owner = ?")
            .bind(owner.to_owned())
            .execute(&mut *c)
            .await
            .map(drop)
    })
}

/// Removes dispatchers that are long gone, or from before the clock went back.
async fn forget(conn: &mut Conn<'_>, ttl: Duration) -> Result<(), sqlx::Error> {
    let (now, live, long) = (conn.now_ms(), is_live(conn), FORGOTTEN * millis(ttl));
    let gone: Vec<String> = on!(conn, c => {
        sqlx::query_scalar(AssertSqlSafe(format!(
            "select owner from dispatchers where expires_at < {now} - {long} or (expires_at > {now} and not {live}) order by owner"
        )))
        .fetch_all(&mut *c)
        .await
    })?;
    // One by one: a deletion by time would wait for rows that others are writing.
    for owner in gone {
        remove(conn, &owner).await?;
    }
    Ok(())
}

/// Up to `most` slots that nobody holds, which are locked.
async fn free(conn: &mut Conn<'_>, most: usize) -> Result<Vec<String>, sqlx::Error> {
    if most == 0 {
        return Ok(Vec::new());
    }
    let known: i64 = on!(&mut *conn, c => {
        sqlx::query_scalar(AssertSqlSafe(format!("select count(*) from leases where name like '{PREFIX}%'")))
            .fetch_one(&mut *c)
            .await
    })?;
    // The first start on this store.
    if known < i64::from(SLOTS) {
        for slot in 0..SLOTS {
            insert_missing(conn, &name(slot)).await?;
        }
    }
    // Waiting for one that another dispatcher has in a transaction could be waiting for each other.
    let (live, lock) = (is_live(conn), conn.for_update_skip_locked());
    on!(conn, c => {
        sqlx::query_scalar(AssertSqlSafe(format!(
            "select name from leases where name like '{PREFIX}%' and not {live} order by name limit {most}{lock}"
        )))
        .fetch_all(&mut *c)
        .await
    })
}
