//! Reads of the command side.

use axum::Json;
use axum::extract::State;
use esteira_command_api::{HistoryPage, history_page, unreadable_store};
use esteira_events::{AggregateKind, UserId};
use esteira_web::{Envelope, List, ListPage, PathId, Problem, ReadProblems, Reply};

use super::UsersApi;
use super::user::{UserBody, not_found};
use crate::store;

/// List users
#[utoipa::path(get, path = "/users", tag = "users", params(ListPage),
    responses((status = 200, body = List<UserBody>), ReadProblems))]
pub async fn list(State(api): State<UsersApi>, page: ListPage) -> Result<Json<List<UserBody>>, Problem> {
    let mut reader = api.db.read().await.map_err(|error| unreadable_store(&error))?;
    let (rows, total) = store::list(&mut reader.conn(), page.after, page.limit)
        .await
        .map_err(|error| unreadable_store(&error))?;
    let data = rows.into_iter().map(UserBody::from).collect();
    Ok(Json(List { data, total: total.cast_unsigned() }))
}

/// Get a user
#[utoipa::path(get, path = "/users/{id}", tag = "users", params(PathId),
    responses((status = 200, body = Envelope<UserBody>), ReadProblems))]
pub async fn get(
    State(api): State<UsersApi>,
    PathId(id): PathId,
) -> Result<Reply<Envelope<UserBody>>, Problem> {
    let mut reader = api.db.read().await.map_err(|error| unreadable_store(&error))?;
    let row = store::find(&mut reader.conn(), id).await.map_err(|error| unreadable_store(&error))?;
    let row = row.ok_or_else(|| not_found(UserId(id)))?;
    let version = row.version;
    Ok(Reply::ok(Envelope::new(UserBody::from(row))).etag(version))
}

/// A user's history
#[utoipa::path(get, path = "/users/{id}/events", tag = "users", params(PathId, ListPage),
    responses((status = 200, body = HistoryPage), ReadProblems))]
pub async fn events(
    State(api): State<UsersApi>,
    PathId(id): PathId,
    page: ListPage,
) -> Result<Json<HistoryPage>, Problem> {
    history_page(&api.db, AggregateKind::User, id, page).await.map(Json)
}
