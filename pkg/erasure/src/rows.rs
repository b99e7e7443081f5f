//! The rows of the users.

use async_trait::async_trait;

/// The rows of the users, which only a command may change.
#[async_trait]
pub trait UserRows: Send + Sync {
    /// Erases the row of `user`; the event of it is in the outbox then. `dry` changes nothing, and tells what it would come to.
    async fn erase(&self, user: i64, dry: bool) -> Result<Row, RowError>;
}

/// What became of the row of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    Erased,
    /// There was none.
    Absent,
}

/// Why the row of a user is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// It may not be erased now, such as while an order of theirs is open.
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Unavailable(String),
}
