//! An aggregate as a resource: the answer to its commands, and its reads.

use axum::http::StatusCode;
use esteira_aggregate::{Aggregate, Answer, Service, Snapshot, Submitter};
use esteira_sql::{Conn, Db};
use esteira_web::{ConsistencyToken, Envelope, Problem, Reply};
use serde::Serialize;

use crate::{CommandRequest, refused, unreadable_store};

/// An aggregate that the API shows.
pub trait Resource: Aggregate {
    type Body: Serialize;

    fn body(id: i64, state: Self) -> Self::Body;
}

/// 404 with the code `<aggregate>_not_found`.
pub fn not_found<A: Aggregate>(id: i64) -> Problem {
    Problem::not_found(format!("{}_not_found", A::KIND), format!("there is no {} {id}", A::KIND))
}

/// The token of an aggregate as a command left it.
pub fn token<A: Aggregate>(snapshot: &Snapshot<A>) -> ConsistencyToken {
    ConsistencyToken::new(A::KIND.as_str(), snapshot.id, snapshot.version)
}

/// `{data, message}` with `ETag` and `X-Consistency-Token`. A retried command whose aggregate is gone → 404.
pub fn reply<A: Resource>(
    status: StatusCode,
    snapshot: Snapshot<A>,
    message: &str,
) -> Result<Reply<Envelope<A::Body>>, Problem> {
    let (token, Snapshot { id, version, state }) = (token(&snapshot), snapshot);
    let body = A::body(id, state.ok_or_else(|| not_found::<A>(id))?);
    Ok(Reply::new(status, Envelope::with_message(body, message)).etag(version).token(&token))
}

/// Hands a command in and waits for its outcome; `rejected` says what the domain's own rejections are.
pub async fn submit<S: Service>(
    commands: &Submitter<S>,
    request: CommandRequest,
    command: S::Command,
    body_hash: [u8; 32],
    rejected: impl FnOnce(S::Rejection) -> Problem,
) -> Result<S::Outcome, Problem> {
    match commands.submit(request.input::<S>(command, body_hash)).await {
        Ok(Answer::Done(outcome) | Answer::Replayed(outcome)) => Ok(outcome),
        Ok(Answer::Duplicate) => Err(Problem::conflict("duplicate", "only events have duplicates")),
        Err(error) => Err(refused(error, rejected)),
    }
}

/// Reads the write store.
pub async fn read<T>(
    db: &Db,
    query: impl AsyncFnOnce(&mut Conn<'_>) -> Result<T, sqlx::Error>,
) -> Result<T, Problem> {
    let mut reader = db.read().await.map_err(|error| unreadable_store(&error))?;
    query(&mut reader.conn()).await.map_err(|error| unreadable_store(&error))
}
