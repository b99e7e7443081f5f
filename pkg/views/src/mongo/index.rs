use std::time::Duration;

use bson::{Bson, Document as BsonDocument, doc};
use mongodb::Database;
use tracing::warn;

use super::error::within;
use crate::port::collection::Collection;
use crate::port::error::ViewsError;

/// Building the indexes of a collection that the Go projector filled takes its time.
const BUILD_TIMEOUT: Duration = Duration::from_mins(10);
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(200);
/// `IndexOptionsConflict`, `IndexKeySpecsConflict`: somebody made their own index of this name or on these fields.
const CONFLICTS: [i32; 2] = [85, 86];

/// Makes the indexes, and with them the collection, unless they are there. A collection without indexes is made by
/// its first write; the command refuses an empty list.
pub(super) async fn create(database: &Database, collection: &Collection) -> Result<(), ViewsError> {
    if collection.indexes.is_empty() {
        return Ok(());
    }
    let mut attempt = 1;
    loop {
        let command =
            database.run_command(doc! { "createIndexes": collection.name, "indexes": keys(collection) });
        match within(BUILD_TIMEOUT, async { Ok(command.await) }).await? {
            Ok(_) => return Ok(()),
            Err(error) if code(&error).is_some_and(|code| CONFLICTS.contains(&code)) => {
                warn!(collection = collection.name, %error, "an index differs from ours and stays as it is");
                return Ok(());
            }
            // Starts at the same time may collide inside the server.
            Err(error) if code(&error).is_some() && attempt < ATTEMPTS => {
                attempt += 1;
                tokio::time::sleep(PAUSE * attempt).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn keys(collection: &Collection) -> Vec<Bson> {
    let index = |index: &crate::Index| {
        let key: BsonDocument =
            index.fields.iter().map(|path| ((*path).to_owned(), Bson::Int32(1))).collect();
        Bson::Document(doc! { "name": index.name, "key": key })
    };
    collection.indexes.iter().map(index).collect()
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the driver's enum is non-exhaustive")]
fn code(error: &mongodb::error::Error) -> Option<i32> {
    match error.kind.as_ref() {
        mongodb::error::ErrorKind::Command(command) => Some(command.code),
        _ => None,
    }
}
