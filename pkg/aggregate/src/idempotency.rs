//! Idempotency keys: the second call of a command answers as the first did.

use std::collections::HashMap;

use esteira_sql::{Conn, Timestamp, bulk, on};
use serde::{Deserialize, Serialize};
use sqlx::QueryBuilder;
use sqlx::types::Json;

/// A client's key within its scope, and what it came with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// SHA-256, in hex, of service, method, path and key.
    pub scope: String,
    /// SHA-256, in hex, of the request body.
    pub body_hash: String,
}

/// What is kept of a first call: its outcome or its domain rejection.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kept<O, R> {
    Done(O),
    Rejected(R),
}

pub(crate) type KeptAnswers = HashMap<String, (String, String)>;

/// The kept answers of `scopes`: scope → (body hash, answer as JSON).
pub(crate) async fn load(conn: &mut Conn<'_>, scopes: &[&str]) -> Result<KeptAnswers, sqlx::Error> {
    let mut found = HashMap::new();
    for list in bulk::key_lists(scopes) {
        let rows: Vec<(String, String, Json<Box<serde_json::value::RawValue>>)> = on!(conn, c => {
            let mut query = QueryBuilder::new("select scope, body_hash, answer from idempotency_keys where scope in ");
            bulk::push_texts(&mut query, &list);
            query.build_query_as().fetch_all(&mut *c).await
        })?;
        found
            .extend(rows.into_iter().map(|(scope, hash, answer)| (scope, (hash, answer.0.get().to_owned()))));
    }
    Ok(found)
}

/// Keeps answers. A key that another batch has kept meanwhile violates the primary key, and the redo finds it.
pub(crate) async fn keep(
    conn: &mut Conn<'_>,
    answers: &[(&IdempotencyKey, String)],
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    for chunk in bulk::chunks(answers) {
        on!(conn, c => {
            let mut query = QueryBuilder::new("insert into idempotency_keys (scope, body_hash, answer, created_at) ");
            query.push_values(chunk, |mut row, (key, answer)| {
                row.push_bind(key.scope.clone())
                    .push_bind(key.body_hash.clone())
                    .push_bind(answer.clone())
                    .push_bind(at);
            });
            query.build().execute(&mut *c).await.map(drop)
        })?;
    }
    Ok(())
}
