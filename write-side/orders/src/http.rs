//! The routes of the orders service.

mod commands;
mod create;
mod order;
mod queries;

use esteira_aggregate::Submitter;
use esteira_sql::Db;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::service::Orders;

/// What the routes need.
#[derive(Clone)]
pub struct OrdersApi {
    pub commands: Submitter<Orders>,
    pub db: Db,
}

/// Every route of the service.
pub fn routes(api: OrdersApi) -> OpenApiRouter {
    described().with_state(api)
}

/// The routes without what they need, for their document.
pub fn described() -> OpenApiRouter<OrdersApi> {
    OpenApiRouter::new()
        .routes(routes!(create::create, queries::list))
        .routes(routes!(queries::get, commands::set_status, commands::delete))
        .routes(routes!(commands::pay))
        .routes(routes!(commands::cancel))
        .routes(routes!(commands::refund))
        .routes(routes!(queries::events))
}
