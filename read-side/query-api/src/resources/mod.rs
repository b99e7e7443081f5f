//! The three resources, a file each: route, filters, body.

mod orders;
mod products;
mod users;

use esteira_views::{Collection, DocId, from_document};
use esteira_web::{ConsistencyToken, Problem};
use serde::de::DeserializeOwned;
use utoipa_axum::router::OpenApiRouter;

use crate::consistency::wait_for;
use crate::failure::store_problem;
use crate::state::QueryState;

pub(crate) use orders::shown_order;

pub(crate) fn routes() -> OpenApiRouter<QueryState> {
    OpenApiRouter::new().merge(users::routes()).merge(products::routes()).merge(orders::routes())
}

/// The view of one aggregate, or 404 `<name>_not_found`.
async fn one<T: DeserializeOwned>(
    state: &QueryState,
    collection: &Collection,
    name: &str,
    id: i64,
    token: Option<ConsistencyToken>,
) -> Result<T, Problem> {
    wait_for(state, token).await?;
    let found = state.views.get(collection, &[DocId::Int(id)]).await.map_err(store_problem)?;
    let Some(document) = found.into_iter().next() else {
        return Err(Problem::not_found(format!("{name}_not_found"), format!("{name} {id} not found")));
    };
    from_document(document).map_err(store_problem)
}
