//! Reads of the command side.

use axum::Json;
use axum::extract::State;
use esteira_command_api::{HistoryPage, history_page, not_found, read};
use esteira_events::AggregateKind;
use esteira_web::{Envelope, List, ListPage, NoQuery, PathId, Problem, ReadProblems, Reply};

use super::OrdersApi;
use super::order::OrderBody;
use crate::domain::Order;
use crate::store;

/// List orders
#[utoipa::path(get, path = "/orders", tag = "orders", params(ListPage),
    responses((status = 200, body = List<OrderBody>), ReadProblems))]
pub async fn list(State(api): State<OrdersApi>, page: ListPage) -> Result<Json<List<OrderBody>>, Problem> {
    let (rows, total) = read(&api.db, async |conn| store::list(conn, page.after, page.limit).await).await?;
    let data = rows.into_iter().map(OrderBody::from).collect();
    Ok(Json(List { data, total: total.cast_unsigned() }))
}

/// Get an order
#[utoipa::path(get, path = "/orders/{id}", tag = "orders", params(PathId),
    responses((status = 200, body = Envelope<OrderBody>), ReadProblems))]
pub async fn get(
    State(api): State<OrdersApi>,
    PathId(id): PathId,
    _: NoQuery,
) -> Result<Reply<Envelope<OrderBody>>, Problem> {
    let row = read(&api.db, async |conn| store::find(conn, id).await).await?;
    let row = row.ok_or_else(|| not_found::<Order>(id))?;
    let version = row.version;
    Ok(Reply::ok(Envelope::new(OrderBody::from(row))).etag(version))
}

/// An order's history
#[utoipa::path(get, path = "/orders/{id}/events", tag = "orders", params(PathId, ListPage),
    responses((status = 200, body = HistoryPage), ReadProblems))]
pub async fn events(
    State(api): State<OrdersApi>,
    PathId(id): PathId,
    page: ListPage,
) -> Result<Json<HistoryPage>, Problem> {
    history_page(&api.db, AggregateKind::Order, id, page).await.map(Json)
}
