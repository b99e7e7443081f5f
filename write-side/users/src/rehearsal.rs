//! What would become of an erasure.

use esteira_aggregate::{Cause, Service};
use esteira_sql::{Db, Timestamp};

use crate::domain::{EraseUser, UserRejected};
use crate::{UserCommand, Users};

/// Decides as the executor would, on the rows as they are now, and changes nothing.
pub async fn rehearse(db: &Db, command: EraseUser) -> Result<Result<(), UserRejected>, sqlx::Error> {
    let command = UserCommand::Erase(command);
    let mut reader = db.read().await?;
    let mut world = Users.load(&mut reader.conn(), &[&command], Timestamp::now()).await?;
    Ok(Users.decide(&mut world, &command, &Cause::default()).map(drop))
}
