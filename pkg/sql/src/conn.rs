//! The write store: MySQL or one SQLite file, chosen once at the start.

use std::path::Path;
use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlPool, MySqlPoolOptions};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Executor, MySql, Sqlite, Transaction};

use crate::sqlite::SqliteFile;

const STATEMENT_CACHE: usize = 400;
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// `innodb_lock_wait_timeout` is short so that a batch stuck behind a lock is redone one input at a time.
const SESSION: [&str; 2] =
    ["set session transaction isolation level read committed", "set session innodb_lock_wait_timeout = 1"];

/// Runs one expression on whichever engine `conn` is; sqlx infers the database in each arm.
///
/// ```ignore
/// on!(conn, c => sqlx::query("delete from users where id = ?").bind(id).execute(&mut *c).await)
/// ```
#[macro_export]
macro_rules! on {
    ($conn:expr, $c:ident => $body:expr) => {
        match $conn {
            $crate::Conn::MySql($c) => {
                let $c = &mut **$c;
                $body
            }
            $crate::Conn::Sqlite($c) => {
                let $c = &mut **$c;
                $body
            }
        }
    };
}

/// A borrowed connection, which every store function takes.
#[derive(Debug)]
pub enum Conn<'c> {
    MySql(&'c mut MySqlConnection),
    Sqlite(&'c mut SqliteConnection),
}

impl Conn<'_> {
    /// `for update` where the engine has row locks; SQLite has one writer and needs none.
    pub fn for_update(&self) -> &'static str {
        match self {
            Conn::MySql(_) => " for update",
            Conn::Sqlite(_) => "",
        }
    }

    /// As [`Self::for_update`], and leaves out the rows that somebody else has locked.
    pub fn for_update_skip_locked(&self) -> &'static str {
        match self {
            Conn::MySql(_) => " for update skip locked",
            Conn::Sqlite(_) => "",
        }
    }

    /// The lock on rows that a batch only refers to. MariaDB has no `for share`; this form works on every MySQL too.
    pub fn for_share(&self) -> &'static str {
        match self {
            Conn::MySql(_) => " lock in share mode",
            Conn::Sqlite(_) => "",
        }
    }

    /// The store's own clock as an SQL expression, in milliseconds since the epoch.
    pub fn now_ms(&self) -> &'static str {
        match self {
            Conn::MySql(_) => "cast(unix_timestamp(now(3)) * 1000 as signed)",
            Conn::Sqlite(_) => "cast(unixepoch('subsec') * 1000 as integer)",
        }
    }

    /// Turns an insert into one that leaves an existing row alone. `key` is a column of the unique key.
    pub fn or_ignore(&self, key: &str) -> String {
        match self {
            Conn::MySql(_) => format!(" on duplicate key update {key} = {key}"),
            Conn::Sqlite(_) => " on conflict do nothing".to_owned(),
        }
    }
}

/// How to reach MySQL and how many connections to keep.
#[derive(Clone, Debug)]
pub struct MySqlSettings {
    pub options: MySqlConnectOptions,
    pub connections: u32,
}

/// The pool of the write store. Cloning shares it.
#[derive(Clone, Debug)]
pub enum Db {
    MySql(MySqlPool),
    Sqlite(SqliteFile),
}

impl Db {
    /// A pool of MySQL connections: read committed, UTC, prepared statements kept.
    /// Does not connect yet, so that a start can wait for a server that is still coming up.
    pub fn mysql(settings: MySqlSettings) -> Self {
        let options = settings.options.statement_cache_capacity(STATEMENT_CACHE);
        let pool = MySqlPoolOptions::new()
            .max_connections(settings.connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            // A line for each of a burst's requests would say no more than the pool's metrics do.
            .acquire_slow_threshold(ACQUIRE_TIMEOUT)
            .after_connect(|connection, _| {
                Box::pin(async move {
                    for statement in SESSION {
                        connection.execute(statement).await?;
                    }
                    Ok(())
                })
            })
            .connect_lazy_with(options);
        Self::MySql(pool)
    }

    /// Opens the SQLite file at `path`.
    pub async fn sqlite(path: &Path) -> Result<Self, sqlx::Error> {
        SqliteFile::open(path).await.map(Self::Sqlite)
    }

    /// Begins a transaction that writes. Only the batch executor, the dispatcher's marks and the schema do this.
    pub async fn begin(&self) -> Result<Tx, sqlx::Error> {
        match self {
            Self::MySql(pool) => pool.begin().await.map(Tx::MySql),
            Self::Sqlite(file) => file.writer().begin_with("begin immediate").await.map(Tx::Sqlite),
        }
    }

    /// A connection that only reads.
    pub async fn read(&self) -> Result<ReadConn, sqlx::Error> {
        match self {
            Self::MySql(pool) => pool.acquire().await.map(ReadConn::MySql),
            Self::Sqlite(file) => file.readers().acquire().await.map(ReadConn::Sqlite),
        }
    }

    /// The engine's name and version, as `esteira doctor` prints it.
    pub async fn version(&self) -> Result<String, sqlx::Error> {
        let mut reader = self.read().await?;
        match &mut reader.conn() {
            Conn::MySql(c) => sqlx::query_scalar::<_, String>("select version()")
                .fetch_one(&mut **c)
                .await
                .map(|version| format!("MySQL {version}")),
            Conn::Sqlite(c) => sqlx::query_scalar::<_, String>("select sqlite_version()")
                .fetch_one(&mut **c)
                .await
                .map(|version| format!("SQLite {version}")),
        }
    }

    /// How many transactions may usefully run side by side: SQLite has one writer.
    pub fn writers(&self, wanted: usize) -> usize {
        match self {
            Self::MySql(_) => wanted,
            Self::Sqlite(_) => 1,
        }
    }

    /// The connections of each pool by name: in use, and idle.
    pub fn connections(&self) -> Vec<(&'static str, u32, u32)> {
        fn of<D: sqlx::Database>(name: &'static str, pool: &sqlx::Pool<D>) -> (&'static str, u32, u32) {
            let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
            (name, pool.size().saturating_sub(idle), idle)
        }
        match self {
            Self::MySql(pool) => vec![of("mysql", pool)],
            Self::Sqlite(file) => vec![of("writer", file.writer()), of("readers", file.readers())],
        }
    }

    /// Makes what was deleted unreadable also for whoever has the store's files, where that is not the server's to do.
    pub async fn scrub(&self) -> Result<(), sqlx::Error> {
        match self {
            Self::MySql(_) => Ok(()),
            Self::Sqlite(file) => file.scrub().await,
        }
    }

    /// Closes every connection.
    pub async fn close(&self) {
        match self {
            Self::MySql(pool) => pool.close().await,
            Self::Sqlite(file) => file.close().await,
        }
    }
}

/// An open transaction. Dropping it rolls back.
#[derive(Debug)]
pub enum Tx {
    MySql(Transaction<'static, MySql>),
    Sqlite(Transaction<'static, Sqlite>),
}

impl Tx {
    /// The connection to hand to store functions.
    pub fn conn(&mut self) -> Conn<'_> {
        match self {
            Self::MySql(tx) => Conn::MySql(&mut *tx),
            Self::Sqlite(tx) => Conn::Sqlite(&mut *tx),
        }
    }

    /// Commits. An error leaves it open whether the engine did: see the executor's `batch_id`.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::MySql(tx) => tx.commit().await,
            Self::Sqlite(tx) => tx.commit().await,
        }
    }

    /// Rolls back now: a lock timeout (1205) undoes only its statement.
    pub async fn rollback(self) -> Result<(), sqlx::Error> {
        match self {
            Self::MySql(tx) => tx.rollback().await,
            Self::Sqlite(tx) => tx.rollback().await,
        }
    }
}

/// A pooled connection for reads.
#[derive(Debug)]
pub enum ReadConn {
    MySql(PoolConnection<MySql>),
    Sqlite(PoolConnection<Sqlite>),
}

impl ReadConn {
    /// The connection to hand to store functions.
    pub fn conn(&mut self) -> Conn<'_> {
        match self {
            Self::MySql(connection) => Conn::MySql(&mut *connection),
            Self::Sqlite(connection) => Conn::Sqlite(&mut *connection),
        }
    }
}
