//! The HTTP edge every service shares: problem details, extractors, answers, health, OpenAPI and the server.
//!
//! A service builds a [`utoipa_axum::router::OpenApiRouter`], gives it to [`mount`] and serves the result with [`serve`].

mod attempts;
mod awaited;
mod bearer;
mod extract;
mod fields;
mod health;
mod layers;
mod openapi;
mod peer;
mod problem;
mod query_params;
mod respond;
mod server;
mod token;
mod trace;

pub use bearer::Bearer;
pub use extract::{
    IdempotencyKey, IfMatch, Integer, JsonBody, ListPage, OptionalJsonBody, PathId, PathParams,
};
pub use fields::Fields;
pub use health::health_routes;
pub use layers::protect;
pub use openapi::{
    ApiInfo, CommandProblems, ReadProblems, TOO_MANY_WRONG_TOKENS, document, mount, with_problems,
};
pub use peer::Peer;
pub use problem::{FieldError, Members, Problem};
pub use query_params::{NoQuery, QueryParams};
pub use respond::{Created, Envelope, List, Message, Reply, etag};
pub use server::{BindError, Limits, bind, serve};
pub use token::{CONSISTENCY_TOKEN, ConsistencyToken};
pub use trace::{RequestTrace, traced};
