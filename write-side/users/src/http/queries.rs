//! Reads of the command side.

use axum::Json;
use axum::extract::State;
use esteira_command_api::{HistoryPage, history_page, not_found, read};
use esteira_events::AggregateKind;
use esteira_web::{Envelope, List, ListPage, NoQuery, PathId, Problem, ReadProblems, Reply};

use super::UsersApi;
use super::user::UserBody;
use crate::domain::User;
use crate::store;

/// List users
#[utoipa::path(get, path = "/users", tag = "users", params(ListPage),
    responses((status = 200, body = List<UserBody>), ReadProblems))]
pub async fn list(State(api): State<UsersApi>, page: ListPage) -> Result<Json<List<UserBody>>, Problem> {
    let (rows, total) = read(&api.db, async |conn| store::list(conn, page.after, page.limit).await).await?;
    let data = rows.into_iter().map(UserBody::from).collect();
    Ok(Json(List { data, total: total.cast_unsigned() }))
}

/// Get a user
#[utoipa::path(get, path = "/users/{id}", tag = "users", params(PathId),
    responses((status = 200, body = Envelope<UserBody>), ReadProblems))]
pub async fn get(
    State(api): State<UsersApi>,
    PathId(id): PathId,
    _: NoQuery,
) -> Result<Reply<Envelope<UserBody>>, Problem> {
    let row = read(&api.db, async |conn| store::find(conn, id).await).await?;
    let row = row.ok_or_else(|| not_found::<User>(id))?;
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
