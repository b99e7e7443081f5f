//! What an error of the engine means for whoever must decide between waiting, redoing and refusing.

use sqlx::error::DatabaseError;
use sqlx::mysql::MySqlDatabaseError;

/// What to do about a failed statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The engine is away, full or shutting down: pause; it says nothing about the input.
    Unavailable,
    /// A deadlock, or a table that was altered under the statement: redo at once, a bounded number of times.
    Contention,
    /// A lock that took too long: somebody holds the row, and only what needs it should wait again.
    LockTimeout,
    /// A unique key is taken.
    Unique,
    /// The engine refused this statement for a reason of its own.
    Refused,
}

/// Classifies `error`.
#[expect(clippy::wildcard_enum_match_arm, reason = "sqlx's enum is not ours and only ever grows")]
pub fn fault(error: &sqlx::Error) -> Fault {
    match error {
        sqlx::Error::Database(database) => of_database(database.as_ref()),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => Fault::Unavailable,
        _ => Fault::Refused,
    }
}

fn of_database(error: &dyn DatabaseError) -> Fault {
    if error.is_unique_violation() {
        return Fault::Unique;
    }
    match error.try_downcast_ref::<MySqlDatabaseError>() {
        Some(mysql) => of_mysql(mysql.number()),
        None => of_sqlite(error.code().and_then(|code| code.parse().ok()).unwrap_or(0)),
    }
}

/// Numbers of the MySQL server error reference.
fn of_mysql(number: u16) -> Fault {
    match number {
        1205 => Fault::LockTimeout,
        1213 | 1412 | 1615 | 3101 => Fault::Contention,
        // Disk or table full, too many connections, access denied, shutdown, read only, aborted connection, killed,
        // TLS required.
        1021
        | 1026
        | 1030
        | 1040
        | 1041
        | 1044
        | 1045
        | 1047
        | 1053
        | 1077
        | 1079
        | 1114
        | 1152
        | 1158..=1161
        | 1203
        | 1226
        | 1290
        | 1317
        | 1836
        | 1927
        | 3159 => Fault::Unavailable,
        _ => Fault::Refused,
    }
}

/// Result codes of SQLite; the low byte is the primary code.
fn of_sqlite(code: i32) -> Fault {
    match code & 0xff {
        5 | 6 => Fault::LockTimeout,
        // Out of memory, read only, I/O error, full, cannot open, a lock protocol error.
        7 | 8 | 10 | 13 | 14 | 15 => Fault::Unavailable,
        _ => Fault::Refused,
    }
}
