//! The routes of the users service.

mod commands;
mod queries;
mod user;

use esteira_aggregate::Submitter;
use esteira_sql::Db;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use user::rejected;

use crate::service::Users;

/// What the routes need.
#[derive(Clone)]
pub struct UsersApi {
    pub commands: Submitter<Users>,
    pub db: Db,
}

/// Every route of the service.
pub fn routes(api: UsersApi) -> OpenApiRouter {
    described().with_state(api)
}

/// The routes without what they need, for their document.
pub fn described() -> OpenApiRouter<UsersApi> {
    OpenApiRouter::new()
        .routes(routes!(commands::create, queries::list))
        .routes(routes!(queries::get, commands::update, commands::delete))
        .routes(routes!(queries::events))
}
