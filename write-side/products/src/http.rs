//! The routes of the products service.

mod commands;
mod product;
mod queries;

use esteira_aggregate::Submitter;
use esteira_sql::Db;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::service::Products;

/// What the routes need.
#[derive(Clone)]
pub struct ProductsApi {
    pub commands: Submitter<Products>,
    pub db: Db,
}

/// Every route of the service.
pub fn routes(api: ProductsApi) -> OpenApiRouter {
    described().with_state(api)
}

/// The routes without what they need, for their document.
pub fn described() -> OpenApiRouter<ProductsApi> {
    OpenApiRouter::new()
        .routes(routes!(commands::create, queries::list))
        .routes(routes!(queries::get, commands::update, commands::delete))
        .routes(routes!(commands::move_stock))
        .routes(routes!(queries::events))
}
