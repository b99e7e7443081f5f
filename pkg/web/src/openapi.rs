//! The OpenAPI document, its page, and the whole router of a service.

mod complete;
mod examples;
mod problems;

use axum::Router;
use esteira_telemetry::Health;
use serde_json::Value;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{Info, LicenseBuilder, OpenApi, Server};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::SwaggerUi;

use crate::health::health_routes;
use crate::layers::protect;
use crate::problem::Problem;
use crate::server::Limits;

pub(crate) use problems::problem;
pub use problems::{CommandProblems, ReadProblems, TOO_MANY_WRONG_TOKENS};

/// What every route may answer, whatever it does.
const EVERYWHERE: &str = "Any route may also answer 405 with `Allow`; 408 and 413 as a problem, where a body does not come within \
                          30 s or is over 1 MiB; and, without a body, 414 and 431 where the target or the head is over 64 KiB.";

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
    let (routes, document) = api.split_for_parts();
    let docs = SwaggerUi::new("/docs").external_url_unchecked("/openapi.json", described(document, info));
    protect(Router::new().merge(routes.clone()).nest("/api/v1", routes).merge(docs), limits)
}

/// The document of a service as [`mount`] serves it, its health routes included; nothing of the service has to run.
pub fn document<S: Clone + Send + Sync + 'static>(api: OpenApiRouter<S>, info: ApiInfo) -> Value {
    let mut document = api.into_openapi();
    document.merge(health_routes(Health::new()).into_openapi());
    described(document, info)
}

/// Every operation of a document.
pub(crate) fn operations(document: &mut OpenApi) -> impl Iterator<Item = &mut Operation> {
    document.paths.paths.values_mut().flat_map(|item| {
        let operations = [
            &mut item.get,
            &mut item.put,
            &mut item.post,
            &mut item.delete,
            &mut item.options,
            &mut item.head,
            &mut item.patch,
            &mut item.trace,
        ];
        operations.into_iter().flatten()
    })
}

/// Adds to the document that the operations of `api` that `may` answer these problems, with a status and its description each;
/// what an operation says of a status itself stays.
#[must_use]
pub fn with_problems(
    mut api: OpenApiRouter,
    problems: &[(&str, &str)],
    may: impl Fn(&Operation) -> bool,
) -> OpenApiRouter {
    for operation in operations(api.get_openapi_mut()).filter(|operation| may(operation)) {
        for (status, description) in problems {
            let responses = &mut operation.responses.responses;
            responses.entry((*status).to_owned()).or_insert_with(|| problem(description).into());
        }
    }
    api
}

fn described(mut document: OpenApi, info: ApiInfo) -> Value {
    describe(&mut document, info);
    let mut document = serde_json::to_value(document).expect("a document is JSON");
    complete::complete(&mut document);
    document
}

fn describe(document: &mut OpenApi, info: ApiInfo) {
    document.info = Info::new(info.title, info.version);
    document.info.description = Some(format!("{}\n\n{EVERYWHERE}", info.description));
    document.info.license = Some(LicenseBuilder::new().name("MIT").identifier(Some("MIT")).build());
    // Said, and not left out: who may reach the port may use it.
    document.security = Some(Vec::new());
    document.servers = Some(vec![Server::new("/"), Server::new("/api/v1")]);
    let components = document.components.get_or_insert_default();
    let mut schemas = vec![(Problem::name().into_owned(), Problem::schema())];
    Problem::schemas(&mut schemas);
    components.schemas.extend(schemas);
}
