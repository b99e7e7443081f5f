//! Reads of the command side.

use axum::Json;
use axum::extract::State;
use esteira_command_api::{HistoryPage, history_page, unreadable_store};
use esteira_events::{AggregateKind, ProductId};
use esteira_web::{Envelope, List, ListPage, PathId, Problem, ReadProblems, Reply};

use super::ProductsApi;
use super::product::{ProductBody, not_found};
use crate::store;

/// List products
#[utoipa::path(get, path = "/products", tag = "products", params(ListPage),
    responses((status = 200, body = List<ProductBody>), ReadProblems))]
pub async fn list(
    State(api): State<ProductsApi>,
    page: ListPage,
) -> Result<Json<List<ProductBody>>, Problem> {
    let mut reader = api.db.read().await.map_err(|error| unreadable_store(&error))?;
    let (rows, total) = store::list(&mut reader.conn(), page.after, page.limit)
        .await
        .map_err(|error| unreadable_store(&error))?;
    let data = rows.into_iter().map(ProductBody::from).collect();
    Ok(Json(List { data, total: total.cast_unsigned() }))
}

/// Get a product
#[utoipa::path(get, path = "/products/{id}", tag = "products", params(PathId),
    responses((status = 200, body = Envelope<ProductBody>), ReadProblems))]
pub async fn get(
    State(api): State<ProductsApi>,
    PathId(id): PathId,
) -> Result<Reply<Envelope<ProductBody>>, Problem> {
    let mut reader = api.db.read().await.map_err(|error| unreadable_store(&error))?;
    let row = store::find(&mut reader.conn(), id).await.map_err(|error| unreadable_store(&error))?;
    let row = row.ok_or_else(|| not_found(ProductId(id)))?;
    let version = row.version;
    Ok(Reply::ok(Envelope::new(ProductBody::from(row))).etag(version))
}

/// A product's history
#[utoipa::path(get, path = "/products/{id}/events", tag = "products", params(PathId, ListPage),
    responses((status = 200, body = HistoryPage), ReadProblems))]
pub async fn events(
    State(api): State<ProductsApi>,
    PathId(id): PathId,
    page: ListPage,
) -> Result<Json<HistoryPage>, Problem> {
    history_page(&api.db, AggregateKind::Product, id, page).await.map(Json)
}
