//! The query API: views over HTTP.

mod consistency;
mod failure;
mod journey;
mod list;
mod live;
mod resources;
mod state;

use esteira_web::ApiInfo;
use utoipa_axum::router::OpenApiRouter;

pub use journey::{Journey, JourneyError, Step, StepState, Waiting, journey};
pub use live::{LiveLimits, LiveOrders};
pub use state::QueryState;

/// What the OpenAPI document says of this service, for [`esteira_web::mount`].
pub const API: ApiInfo = ApiInfo {
    title: "Esteira queries",
    description: "Users, products and orders as denormalized views. Every route also answers without `/q`. \
                  Send the `X-Consistency-Token` of a command's answer to see at least that command's change.",
    version: env!("CARGO_PKG_VERSION"),
};

/// The routes under `/q`, which the document lists, and the same ones without it.
pub fn router(state: QueryState) -> OpenApiRouter {
    let routes = resources::routes().with_state(state);
    let (plain, _) = routes.clone().split_for_parts();
    OpenApiRouter::new().nest("/q", routes).merge(OpenApiRouter::from(plain))
}

/// The routes that the document lists, without what they need.
pub fn described() -> OpenApiRouter<QueryState> {
    OpenApiRouter::new().nest("/q", resources::routes())
}
