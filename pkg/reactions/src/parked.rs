//! Parked records: what failed for its own reason, until its next attempt or in the dead letter queue.

use esteira_bus::dlq::{ATTEMPT_CLAIM, ATTEMPTS};
use esteira_bus::{Record, next_attempt};
use esteira_sql::{Conn, Db, Timestamp, bulk, on};
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, QueryBuilder};

const PAGE: i64 = 128;

pub(crate) const RETRY: &str = "retry";
pub(crate) const DEAD: &str = "dead";
/// An operator has given it up for good.
pub(crate) const DISCARDED: &str = "discarded";

esteira_sql::row! {
    /// A row of `parked_records`.
    #[derive(Clone, Debug)]
    pub(crate) struct Parked {
        pub(crate) id: String,
        pub(crate) consumer_group: String,
        pub(crate) record: Json<Record>,
        /// [`RETRY`], [`DEAD`] or [`DISCARDED`].
        pub(crate) state: String,
        pub(crate) attempts: i32,
        pub(crate) next_attempt_at: Option<Timestamp>,
        pub(crate) first_failure_at: Timestamp,
        pub(crate) error: String,
    }
}

impl Parked {
    /// A record that will not be tried again.
    pub(crate) fn dead(group: &str, record: &Record, error: &str) -> Self {
        Self {
            id: id(group, record),
            consumer_group: group.to_owned(),
            record: Json(record.clone()),
            state: DEAD.to_owned(),
            attempts: 1,
            next_attempt_at: None,
            first_failure_at: Timestamp::now(),
            error: error.chars().take(1_000).collect(),
        }
    }

    /// The record after one more failed attempt; dead when there is none left.
    pub(crate) fn failed(group: &str, record: &Record, before: Option<&Self>, error: &str) -> Self {
        let attempts = before.map_or(0, |parked| parked.attempts) + 1;
        let now = Timestamp::now();
        let next = next_attempt(attempts.unsigned_abs(), now.to_utc());
        Self {
            state: if next.is_some() { RETRY } else { DEAD }.to_owned(),
            attempts,
            next_attempt_at: next.map(Timestamp::from),
            first_failure_at: before.map_or(now, |parked| parked.first_failure_at),
            ..Self::dead(group, record, error)
        }
    }

    /// The record as an operator hands it in again.
    pub(crate) fn due(group: &str, record: &Record) -> Self {
        Self {
            state: RETRY.to_owned(),
            attempts: 0,
            next_attempt_at: Some(Timestamp::now()),
            ..Self::dead(group, record, "")
        }
    }

    /// The record whose rows somebody holds: it waits as long as that takes, and never dies of it.
    pub(crate) fn contended(group: &str, record: &Record, before: Option<&Self>) -> Self {
        let earlier = before.map(|parked| Self {
            attempts: parked.attempts.min(ATTEMPTS.cast_signed() - 1),
            ..parked.clone()
        });
        Self::failed(group, record, earlier.as_ref(), "its rows are held by somebody else")
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.state == DEAD
    }
}

/// One record of one group is one row, however often it fails.
pub(crate) fn id(group: &str, record: &Record) -> String {
    format!("{group}/{}", record.identity())
}

/// Parks `new` records; one that is there already stays as it is.
pub(crate) async fn insert(db: &Db, new: &[Parked]) -> Result<(), sqlx::Error> {
    write(db, new, Conflict::Keep).await
}

/// What an operator decides goes over whatever is there, also over an attempt in hand.
pub(crate) async fn replace(db: &Db, parked: &Parked) -> Result<(), sqlx::Error> {
    write(db, std::slice::from_ref(parked), Conflict::Replace).await
}

#[derive(Clone, Copy)]
enum Conflict {
    Keep,
    Replace,
}

async fn write(db: &Db, rows: &[Parked], conflict: Conflict) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut tx = db.begin().await?;
    let (verb, clause) = match conflict {
        Conflict::Keep => ("insert", tx.conn().or_ignore("id")),
        Conflict::Replace => ("replace", String::new()),
    };
    for rows in bulk::chunks(rows) {
        on!(&mut tx.conn(), c => {
            let mut query = QueryBuilder::new(format!("{verb} into parked_records ({COLUMNS}) "));
            query.push_values(rows, |mut row, parked| {
                row.push_bind(parked.id.clone())
                    .push_bind(parked.consumer_group.clone())
                    .push_bind(parked.record.clone())
                    .push_bind(parked.state.clone())
                    .push_bind(parked.attempts)
                    .push_bind(parked.next_attempt_at)
                    .push_bind(parked.first_failure_at)
                    .push_bind(parked.error.clone());
            });
            query.push(&clause);
            query.build().execute(&mut *c).await.map(drop)
        })?;
    }
    tx.commit().await
}

/// An attempt that failed, with the row as it was claimed for it.
pub(crate) struct Attempt<'a> {
    pub(crate) claimed: &'a Parked,
    pub(crate) outcome: Parked,
}

/// Writes what became of `attempts`, each only while its claim holds: an operator may have decided otherwise meanwhile. The
/// record is left alone, from which an erasure may have taken somebody.
pub(crate) async fn conclude(db: &Db, attempts: &[Attempt<'_>]) -> Result<(), sqlx::Error> {
    if attempts.is_empty() {
        return Ok(());
    }
    let mut tx = db.begin().await?;
    for Attempt { claimed, outcome } in attempts {
        on!(&mut tx.conn(), c => {
            sqlx::query(AssertSqlSafe(format!(
                "update parked_records set state = ?, attempts = ?, next_attempt_at = ?, error = ? where {CLAIMED}",
            )))
            .bind(outcome.state.clone())
            .bind(outcome.attempts)
            .bind(outcome.next_attempt_at)
            .bind(outcome.error.clone())
            .bind(claimed.id.clone())
            .bind(claimed.next_attempt_at)
            .execute(&mut *c)
            .await
            .map(drop)
        })?;
    }
    tx.commit().await
}

/// The record of `claimed` as its row has it now; none where the claim does not hold any more.
pub(crate) async fn still_claimed(db: &Db, claimed: &Parked) -> Result<Option<Json<Record>>, sqlx::Error> {
    let mut reader = db.read().await?;
    on!(&mut reader.conn(), c => {
        sqlx::query_scalar(AssertSqlSafe(format!("select record from parked_records where {CLAIMED}")))
            .bind(claimed.id.clone())
            .bind(claimed.next_attempt_at)
            .fetch_optional(&mut *c)
            .await
    })
}

/// A claim is the time that the next attempt was put off to.
const CLAIMED: &str = "id = ? and state = 'retry' and next_attempt_at = ?";

/// Forgets the rows `done`, whatever they say by now: the effect is there, and the inbox knows it.
pub(crate) async fn forget(db: &Db, done: &[&str]) -> Result<(), sqlx::Error> {
    if done.is_empty() {
        return Ok(());
    }
    let mut tx = db.begin().await?;
    for ids in bulk::key_lists(done) {
        on!(&mut tx.conn(), c => {
            let mut query = QueryBuilder::new("delete from parked_records where id in ");
            bulk::push_texts(&mut query, &ids);
            query.build().execute(&mut *c).await.map(drop)
        })?;
    }
    tx.commit().await
}

const COLUMNS: &str = "id, consumer_group, record, state, attempts, next_attempt_at, first_failure_at, error";

/// The states of those of `ids` that are there.
pub(crate) async fn states(
    conn: &mut Conn<'_>,
    ids: &[String],
) -> Result<Vec<(String, String)>, sqlx::Error> {
    let texts: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut found = Vec::new();
    for list in bulk::key_lists(&texts) {
        let rows: Vec<(String, String)> = on!(conn, c => {
            let mut query = QueryBuilder::new("select id, state from parked_records where id in ");
            bulk::push_texts(&mut query, &list);
            query.build_query_as().fetch_all(&mut *c).await
        })?;
        found.extend(rows);
    }
    Ok(found)
}

/// How many rows of `group` are in which state.
pub(crate) async fn counts(conn: &mut Conn<'_>, group: &str) -> Result<Vec<(String, u64)>, sqlx::Error> {
    let counts: Vec<(String, i64)> = on!(conn, c => {
        sqlx::query_as("select state, count(*) from parked_records where consumer_group = ? group by state")
            .bind(group.to_owned())
            .fetch_all(&mut *c)
            .await
    })?;
    Ok(counts.into_iter().map(|(state, count)| (state, count.unsigned_abs())).collect())
}

/// Takes records of `group` whose next attempt is due for this process: it is put off, so that no other process makes
/// the same.
pub(crate) async fn claim(db: &Db, group: &str) -> Result<Vec<Parked>, sqlx::Error> {
    let mut tx = db.begin().await?;
    let lock = tx.conn().for_update();
    let mut claimed: Vec<Parked> = on!(&mut tx.conn(), c => {
        sqlx::query_as(AssertSqlSafe(format!(
            "select {COLUMNS} from parked_records where consumer_group = ? and state = 'retry' and next_attempt_at <= ? \
             order by next_attempt_at limit ?{lock}",
        )))
        .bind(group.to_owned())
        .bind(Timestamp::now())
        .bind(PAGE)
        .fetch_all(&mut *c)
        .await
    })?;
    let until = Timestamp::from(Timestamp::now().to_utc() + ATTEMPT_CLAIM);
    let ids: Vec<&str> = claimed.iter().map(|parked| parked.id.as_str()).collect();
    for ids in bulk::key_lists(&ids) {
        on!(&mut tx.conn(), c => {
            let mut query = QueryBuilder::new("update parked_records set next_attempt_at = ");
            query.push_bind(until).push(" where id in ");
            bulk::push_texts(&mut query, &ids);
            query.build().execute(&mut *c).await.map(drop)
        })?;
    }
    tx.commit().await?;
    for parked in &mut claimed {
        parked.next_attempt_at = Some(until);
    }
    Ok(claimed)
}

esteira_sql::row! {
    /// The parked records of one state.
    pub(crate) struct OfState {
        pub(crate) state: String,
        pub(crate) records: i64,
        pub(crate) oldest: Timestamp,
        pub(crate) error: String,
    }
}

/// What is parked of `group`, by state; no more than `most` rows are looked at.
pub(crate) async fn by_state(
    conn: &mut Conn<'_>,
    group: &str,
    most: u32,
) -> Result<Vec<OfState>, sqlx::Error> {
    on!(conn, c => {
        sqlx::query_as(
            "select state, count(*) as records, min(first_failure_at) as oldest, max(error) as error from \
             (select state, first_failure_at, error from parked_records where consumer_group = ? and state in ('retry', 'dead') limit ?) parked \
             group by state",
        )
        .bind(group.to_owned())
        .bind(most)
        .fetch_all(&mut *c)
        .await
    })
}
