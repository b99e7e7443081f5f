//! Rows that the log refuses, over HTTP.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use esteira_console::failure::{no_such_row, of_store};
use esteira_outbox::{Stuck, retry, skip, stuck};
use esteira_web::{JsonBody, PathId, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes as paths;

use super::Admin;
use super::dead_letters::Discarding;

/// The most rows that are listed.
const MOST: u32 = 10_000;

pub fn routes() -> OpenApiRouter<Admin> {
    OpenApiRouter::new().routes(paths!(list)).routes(paths!(try_again)).routes(paths!(give_up))
}

/// An outbox row that the log has refused. What follows it of the same aggregate waits behind it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct StuckRow {
    pub id: i64,
    pub aggregate: Option<String>,
    pub aggregate_id: Option<i64>,
    pub sequence: Option<i64>,
    pub event_type: String,
    pub attempts: i32,
    pub error: Option<String>,
    pub next_attempt_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

impl From<Stuck> for StuckRow {
    fn from(row: Stuck) -> Self {
        Self {
            id: row.id,
            aggregate: row.aggregate,
            aggregate_id: row.aggregate_id,
            sequence: row.sequence,
            event_type: row.event_type,
            attempts: row.attempts,
            error: row.last_error,
            next_attempt_at: row.next_attempt_at.and_then(DateTime::from_timestamp_millis),
            created_at: row.created_at.to_utc(),
        }
    }
}

/// Rows that the log has refused, oldest first.
#[utoipa::path(get, path = "/admin/outbox", tag = "outbox", responses((status = 200, body = Vec<StuckRow>)))]
async fn list(State(admin): State<Admin>) -> Result<Json<Vec<StuckRow>>, Problem> {
    let mut reader = admin.letters.db.read().await.map_err(of_store)?;
    let rows = stuck(&mut reader.conn(), MOST).await.map_err(of_store)?;
    Ok(Json(rows.into_iter().map(StuckRow::from).collect()))
}

/// Makes the next attempt of a row due at once.
#[utoipa::path(post, path = "/admin/outbox/{id}/retry", tag = "outbox", params(("id" = i64, Path)),
    responses((status = 200), (status = 404, body = Problem)))]
async fn try_again(State(admin): State<Admin>, PathId(id): PathId) -> Result<Json<()>, Problem> {
    known(id, retry(&admin.letters.db, id).await.map_err(of_store)?)
}

/// Gives a row up: an event that changes nothing is published in its place, and what waits behind it goes on.
#[utoipa::path(post, path = "/admin/outbox/{id}/skip", tag = "outbox", params(("id" = i64, Path)),
    request_body = Discarding, responses((status = 200), (status = 404, body = Problem)))]
async fn give_up(
    State(admin): State<Admin>,
    PathId(id): PathId,
    JsonBody { value: wish, .. }: JsonBody<Discarding>,
) -> Result<Json<()>, Problem> {
    let reason = wish.checked()?;
    known(id, skip(&admin.letters.db, id, &reason).await.map_err(of_store)?)
}

fn known(id: i64, done: bool) -> Result<Json<()>, Problem> {
    if done {
        return Ok(Json(()));
    }
    Err(no_such_row(id))
}
