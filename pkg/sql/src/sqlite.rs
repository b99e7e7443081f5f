//! One SQLite file: one writer connection behind a fair queue, and readers beside it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sqlx::Connection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use crate::text::compare_emails;

const READERS: u32 = 4;
const STATEMENT_CACHE: usize = 400;
/// Of the writer; a reader has SQLite's own 2 MiB.
const CACHE_KIB: u32 = 8 * 1024;
/// Pages of the log before they are moved to the file: SQLite's own 1,000 would be reached by some ten transactions, and each
/// time waits for the disk.
const CHECKPOINT_PAGES: u32 = 8_192;
/// The writer queue is fair, so a wait this long means that the writer is stuck, not busy.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long readers of an older state are waited for.
const SCRUB_PATIENCE: Duration = Duration::from_secs(30);

/// An open SQLite file. Cloning shares the connections.
#[derive(Clone, Debug)]
pub struct SqliteFile {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl SqliteFile {
    /// Opens `path`, creating it and its directory when they are missing: WAL, `synchronous=full`. A process opens a file only
    /// once: to look whether it can be written takes SQLite's locks from whoever has it open in the same process.
    pub async fn open(path: &Path) -> Result<Self, sqlx::Error> {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory).map_err(sqlx::Error::Io)?;
        }
        refuse_unwritable(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5))
            .foreign_keys(true)
            .statement_cache_capacity(STATEMENT_CACHE)
            .collation("email", compare_emails);
        let writer = options
            .clone()
            .pragma("cache_size", format!("-{CACHE_KIB}"))
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES.to_string());
        let writer = pool(1).connect_with(writer).await?;
        let readers = pool(READERS).connect_with(options.read_only(true)).await?;
        Ok(Self { writer, readers })
    }

    /// The one connection that writes; acquire it for as short as the transaction takes, with `begin immediate`.
    pub fn writer(&self) -> &SqlitePool {
        &self.writer
    }

    /// Connections that only read, each a snapshot of the last commit.
    pub fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// Writes the file anew and empties its log, so that nothing is left in it of what was deleted or overwritten. Writers
    /// wait meanwhile.
    pub async fn scrub(&self) -> Result<(), sqlx::Error> {
        let mut writer = self.writer.acquire().await?;
        sqlx::query("vacuum").execute(&mut *writer).await?;
        let started = Instant::now();
        loop {
            let (busy,): (i64,) =
                sqlx::query_as("pragma wal_checkpoint(truncate)").fetch_one(&mut *writer).await?;
            if busy == 0 {
                return Ok(());
            }
            if started.elapsed() > SCRUB_PATIENCE {
                return Err(sqlx::Error::Protocol(
                    "a reader keeps the file's log from being emptied".to_owned(),
                ));
            }
        }
    }

    /// Closes every connection, after which the file may be moved.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// SQLite opens a file that it may not write all the same, and says so at every write.
fn refuse_unwritable(path: &Path) -> Result<(), sqlx::Error> {
    for part in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(part);
        let file = PathBuf::from(file);
        match std::fs::OpenOptions::new().append(true).open(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let told = format!("{} cannot be written: {error}", file.display());
                return Err(sqlx::Error::Io(io::Error::new(error.kind(), told)));
            }
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // A line for each of a burst's requests would say no more than the pool's metrics do.
        .acquire_slow_threshold(ACQUIRE_TIMEOUT)
        // A file does not hang up, and asking costs two switches between threads.
        .test_before_acquire(false)
        // SQLite rolls back by itself when the disk is full; sqlx, whose own rollback then fails, counts the transaction as
        // open for ever. Such a connection is replaced.
        .before_acquire(|connection, _| {
            let sound = !connection.is_in_transaction();
            Box::pin(async move { Ok(sound) })
        })
}
