//! Parked records: what failed for its own reason, until its next attempt or in the dead letter queue.

use chrono::TimeDelta;
use esteira_bus::Record;
use esteira_sql::{Conn, Db, Timestamp, on};
use sqlx::AssertSqlSafe;
use sqlx::types::Json;

/// The attempts of a record before it is dead-lettered (after 1, 2, 4, 8, 16 s).
const ATTEMPTS: i32 = 5;
const PAGE: i64 = 128;
/// How long a process that died in the middle of an attempt puts it off.
const CLAIM: TimeDelta = TimeDelta::seconds(30);

esteira_sql::row! {
    /// A row of `parked_records`.
    #[derive(Clone, Debug)]
    pub(crate) struct Parked {
        pub(crate) id: String,
        pub(crate) consumer_group: String,
        pub(crate) record: Json<Record>,
        /// `retry` or `dead`.
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
            state: "dead".to_owned(),
            attempts: 1,
            next_attempt_at: None,
            first_failure_at: Timestamp::now(),
            error: error.chars().take(1_000).collect(),
        }
    }

    /// The record after one more failed attempt; dead when there is none left.
    pub(crate) fn failed(group: &str, record: &Record, before: Option<&Self>, error: &str) -> Self {
        let attempts = before.map_or(0, |parked| parked.attempts) + 1;
        let again = attempts <= ATTEMPTS;
        let now = Timestamp::now();
        Self {
            state: if again { "retry" } else { "dead" }.to_owned(),
            attempts,
            next_attempt_at: again.then(|| (now.to_utc() + TimeDelta::seconds(1 << (attempts - 1))).into()),
            first_failure_at: before.map_or(now, |parked| parked.first_failure_at),
            ..Self::dead(group, record, error)
        }
    }

    /// The record whose rows somebody holds: it waits as long as that takes, and never dies of it.
    pub(crate) fn contended(group: &str, record: &Record, before: Option<&Self>) -> Self {
        let earlier =
            before.map(|parked| Self { attempts: parked.attempts.min(ATTEMPTS - 1), ..parked.clone() });
        Self::failed(group, record, earlier.as_ref(), "its rows are held by somebody else")
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.state == "dead"
    }
}

/// One record of one group is one row, however often it fails.
pub(crate) fn id(group: &str, record: &Record) -> String {
    format!("{group}/{}/{}/{}", record.topic, record.partition, record.offset)
}

pub(crate) async fn save(db: &Db, parked: &Parked) -> Result<(), sqlx::Error> {
    let mut tx = db.begin().await?;
    on!(&mut tx.conn(), c => {
        sqlx::query(
            "replace into parked_records (id, consumer_group, record, state, attempts, next_attempt_at, first_failure_at, error) \
             values (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(parked.id.clone())
        .bind(parked.consumer_group.clone())
        .bind(parked.record.clone())
        .bind(parked.state.clone())
        .bind(parked.attempts)
        .bind(parked.next_attempt_at)
        .bind(parked.first_failure_at)
        .bind(parked.error.clone())
        .execute(&mut *c)
        .await
        .map(drop)
    })?;
    tx.commit().await
}

pub(crate) async fn forget(db: &Db, id: &str) -> Result<(), sqlx::Error> {
    let mut tx = db.begin().await?;
    on!(&mut tx.conn(), c => {
        sqlx::query("delete from parked_records where id = ?").bind(id.to_owned()).execute(&mut *c).await.map(drop)
    })?;
    tx.commit().await
}

const COLUMNS: &str = "id, consumer_group, record, state, attempts, next_attempt_at, first_failure_at, error";

pub(crate) async fn find(conn: &mut Conn<'_>, id: &str) -> Result<Option<Parked>, sqlx::Error> {
    on!(conn, c => {
        sqlx::query_as(AssertSqlSafe(format!("select {COLUMNS} from parked_records where id = ?")))
            .bind(id.to_owned())
            .fetch_optional(&mut *c)
            .await
    })
}

/// Takes `parked` for this process: its next attempt is put off, so that no other process makes the same.
pub(crate) async fn claim(db: &Db, parked: &Parked) -> Result<bool, sqlx::Error> {
    let mut tx = db.begin().await?;
    let claimed = on!(&mut tx.conn(), c => {
        sqlx::query("update parked_records set next_attempt_at = ? where id = ? and state = 'retry' and next_attempt_at = ?")
            .bind(Timestamp::from(Timestamp::now().to_utc() + CLAIM))
            .bind(parked.id.clone())
            .bind(parked.next_attempt_at)
            .execute(&mut *c)
            .await?
            .rows_affected()
    });
    tx.commit().await?;
    Ok(claimed == 1)
}

/// Records of `group` whose next attempt is due.
pub(crate) async fn due(conn: &mut Conn<'_>, group: &str) -> Result<Vec<Parked>, sqlx::Error> {
    on!(conn, c => {
        sqlx::query_as(AssertSqlSafe(format!(
            "select {COLUMNS} from parked_records where consumer_group = ? and state = 'retry' and next_attempt_at <= ? \
             order by next_attempt_at limit ?",
        )))
        .bind(group.to_owned())
        .bind(Timestamp::now())
        .bind(PAGE)
        .fetch_all(&mut *c)
        .await
    })
}
