//! The OpenAPI document, its page, and the whole router of a service.

mod problems;

use axum::Router;
use utoipa::openapi::{Info, OpenApi, Server};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::SwaggerUi;

use crate::layers::protect;
use crate::problem::Problem;
use crate::server::Limits;

pub(crate) use problems::problem;
pub use problems::{CommandProblems, ReadProblems};

/// What the document says of the service.
#[derive(Clone, Copy, Debug)]
pub struct ApiInfo {
    /// The service's name.
    pub title: &'static str,
    /// What it is for, in Markdown.
    pub description: &'static str,
    /// The API's version.
    pub version: &'static str,
}

/// The whole router of a service: its routes at the root and under `/api/v1`, `/openapi.json` (3.1), `/docs` (which
/// needs no internet), and [`protect`] around all.
///
/// The document names `/api/v1` as a second server instead of listing every route twice.
pub fn mount(api: OpenApiRouter, info: ApiInfo, limits: &Limits) -> Router {
    let (routes, mut document) = api.split_for_parts();
    describe(&mut document, info);
    let docs = SwaggerUi::new("/docs").url("/openapi.json", document);
    protect(Router::new().merge(routes.clone()).nest("/api/v1", routes).merge(docs), limits)
}

fn describe(document: &mut OpenApi, info: ApiInfo) {
    document.info = Info::new(info.title, info.version);
    document.info.description = Some(info.description.to_owned());
    document.servers = Some(vec![Server::new("/"), Server::new("/api/v1")]);
    let components = document.components.get_or_insert_default();
    let mut schemas = vec![(Problem::name().into_owned(), Problem::schema())];
    Problem::schemas(&mut schemas);
    components.schemas.extend(schemas);
}
