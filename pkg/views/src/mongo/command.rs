//! `insert`, `update` and `delete` commands of many statements.
//!
//! A server works on a command on one processor: a call of many statements is more than one command, and some of them are
//! under way side by side. Except in [`update_in_order`], statements of one call must not concern the same document.

use bson::raw::{RawArrayBuf, RawDocumentBuf};
use bson::{Bson, Document as BsonDocument, doc};
use futures::future::join_all;
use mongodb::Database;
use tracing::debug;

use super::CALL_TIMEOUT;
use super::connect::durable;
use super::error::{refuses_input, within};
use crate::port::collection::Collection;
use crate::port::error::ViewsError;
use crate::port::write::MAX_DOCUMENT_BYTES;

/// Servers take 100,000 statements; this keeps one command short enough not to hold others up.
const MAX_STATEMENTS: usize = 256;
/// Commands under way at once that need no order.
const SIDE_BY_SIDE: usize = 2;
/// A command is itself a document of at most 16 MiB, so that only a single large statement goes over this.
const MAX_COMMAND_BYTES: usize = 8 * 1024 * 1024;

/// What a server answered about the statements of one call, by their position.
#[derive(Debug, Default)]
pub(super) struct Reply {
    /// How many documents matched, upserted ones included.
    pub(super) matched: u64,
    /// Statements that inserted a document, and its `_id`.
    pub(super) upserted: Vec<(usize, Bson)>,
    pub(super) failures: Vec<Failure>,
}

/// A statement that failed while the others went on.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) position: usize,
    pub(super) code: i32,
    pub(super) message: String,
}

impl Failure {
    pub(super) fn error(&self) -> ViewsError {
        let text = format!("{} (code {})", self.message, self.code);
        if refuses_input(self.code) { ViewsError::Rejected(text) } else { ViewsError::Unavailable(text) }
    }
}

impl Reply {
    pub(super) fn refuse_failures(&self) -> Result<(), ViewsError> {
        self.failures.first().map_or(Ok(()), |failure| Err(failure.error()))
    }
}

pub(super) async fn insert(
    database: &Database,
    collection: &Collection,
    documents: &[BsonDocument],
) -> Result<Reply, ViewsError> {
    run(database, doc! { "insert": collection.name }, "documents", documents, false).await
}

pub(super) async fn update(
    database: &Database,
    collection: &Collection,
    statements: &[BsonDocument],
) -> Result<Reply, ViewsError> {
    run(database, doc! { "update": collection.name }, "updates", statements, false).await
}

/// The same, one after the other up to the first failure.
pub(super) async fn update_in_order(
    database: &Database,
    collection: &Collection,
    statements: &[BsonDocument],
) -> Result<Reply, ViewsError> {
    run(database, doc! { "update": collection.name }, "updates", statements, true).await
}

pub(super) async fn delete(
    database: &Database,
    collection: &Collection,
    statements: &[BsonDocument],
) -> Result<Reply, ViewsError> {
    run(database, doc! { "delete": collection.name }, "deletes", statements, false).await
}

async fn run(
    database: &Database,
    mut command: BsonDocument,
    list: &str,
    statements: &[BsonDocument],
    ordered: bool,
) -> Result<Reply, ViewsError> {
    let at_once = if ordered { 1 } else { SIDE_BY_SIDE };
    command.insert("ordered", ordered);
    command.insert("writeConcern", write_concern(database));
    let mut reply = Reply::default();
    let mut next = 0;
    while next < statements.len() && (!ordered || reply.failures.is_empty()) {
        let mut under_way = Vec::with_capacity(at_once);
        while under_way.len() < at_once && next < statements.len() {
            let (chunk, length) = chunk(&statements[next..])?;
            let mut raw = RawDocumentBuf::try_from(&command).map_err(unreadable)?;
            raw.append(bson::raw::CString::try_from(list).map_err(unreadable)?, chunk);
            let first = next;
            under_way.push(async move { (first, send(database, raw).await) });
            debug!(command = list, statements = length, "views are written");
            next += length;
        }
        // Each is waited for, whatever becomes of the other: after an error nothing more of this call is sent.
        for (first, answer) in join_all(under_way).await {
            reply.read(&answer?, first)?;
        }
    }
    Ok(reply)
}

async fn send(database: &Database, command: RawDocumentBuf) -> Result<BsonDocument, ViewsError> {
    within(CALL_TIMEOUT, async { database.run_raw_command(command).await }).await
}

/// As many statements as one command takes, and how many they are.
fn chunk(statements: &[BsonDocument]) -> Result<(RawArrayBuf, usize), ViewsError> {
    let (mut chunk, mut length, mut bytes) = (RawArrayBuf::new(), 0, 0);
    for statement in statements.iter().take(MAX_STATEMENTS) {
        let raw = RawDocumentBuf::try_from(statement).map_err(unreadable)?;
        let size = raw.as_bytes().len();
        if size > MAX_DOCUMENT_BYTES {
            let reason = format!("a document would have {size} bytes, more than {MAX_DOCUMENT_BYTES}");
            return Err(ViewsError::Rejected(reason));
        }
        if length > 0 && bytes + size > MAX_COMMAND_BYTES {
            break;
        }
        chunk.push(raw);
        length += 1;
        bytes += size;
    }
    Ok((chunk, length))
}

/// The driver adds no write concern to a command that it does not know.
fn write_concern(database: &Database) -> Bson {
    let concern = database.write_concern().cloned().unwrap_or_else(durable);
    bson::serialize_to_bson(&concern).unwrap_or_else(|_| Bson::Document(doc! { "w": "majority", "j": true }))
}

impl Reply {
    /// Adds the answer to a command whose first statement has position `first`.
    fn read(&mut self, answer: &BsonDocument, first: usize) -> Result<(), ViewsError> {
        if let Ok(error) = answer.get_document("writeConcernError") {
            return Err(ViewsError::Unavailable(format!("the write is not durable yet: {error}")));
        }
        self.matched += integer(answer, "n").unsigned_abs();
        for upserted in documents(answer, "upserted") {
            let id = upserted.get("_id").cloned().unwrap_or(Bson::Null);
            self.upserted.push((first + position(upserted), id));
        }
        for failure in documents(answer, "writeErrors") {
            self.failures.push(Failure {
                position: first + position(failure),
                code: i32::try_from(integer(failure, "code")).unwrap_or_default(),
                message: failure.get_str("errmsg").unwrap_or("write error").to_owned(),
            });
        }
        Ok(())
    }
}

fn documents<'a>(answer: &'a BsonDocument, list: &str) -> impl Iterator<Item = &'a BsonDocument> {
    answer.get_array(list).into_iter().flatten().filter_map(Bson::as_document)
}

fn position(entry: &BsonDocument) -> usize {
    usize::try_from(integer(entry, "index")).unwrap_or_default()
}

/// Servers answer numbers as whatever type they like.
#[expect(clippy::cast_possible_truncation, reason = "counts and codes are small")]
fn integer(answer: &BsonDocument, name: &str) -> i64 {
    answer.get(name).map_or(0, |value| {
        value
            .as_i64()
            .or_else(|| value.as_i32().map(i64::from))
            .or_else(|| value.as_f64().map(|value| value as i64))
            .unwrap_or(0)
    })
}

fn unreadable(error: impl std::fmt::Display) -> ViewsError {
    ViewsError::Rejected(error.to_string())
}
