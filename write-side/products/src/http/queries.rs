//! Reads of the command side.

use axum::Json;
use axum::extract::State;
use esteira_command_api::{HistoryPage, history_page, not_found, read};
use esteira_events::AggregateKind;
use esteira_web::{Envelope, List, ListPage, NoQuery, PathId, Problem, ReadProblems, Reply};

use super::ProductsApi;
use super::product::ProductBody;
use crate::domain::Product;
use crate::store;

/// List products
#[utoipa::path(get, path = "/products", tag = "products", params(ListPage),
    responses((status = 200, body = List<ProductBody>), ReadProblems))]
pub async fn list(
    State(api): State<ProductsApi>,
    page: ListPage,
) -> Result<Json<List<ProductBody>>, Problem> {
    let (rows, total) = read(&api.db, async |conn| store::list(conn, page.after, page.limit).await).await?;
    let data = rows.into_iter().map(ProductBody::from).collect();
    Ok(Json(List { data, total: total.cast_unsigned() }))
}

/// Get a product
#[utoipa::path(get, path = "/products/{id}", tag = "products", params(PathId),
    responses((status = 200, body = Envelope<ProductBody>), ReadProblems))]
pub async fn get(
    State(api): State<ProductsApi>,
    PathId(id): PathId,
    _: NoQuery,
) -> Result<Reply<Envelope<ProductBody>>, Problem> {
    let row = read(&api.db, async |conn| store::find(conn, id).await).await?;
    let row = row.ok_or_else(|| not_found::<Product>(id))?;
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
