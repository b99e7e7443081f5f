//! The mounted router: both prefixes, the OpenAPI document and its page.

use axum::Json;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use esteira_telemetry::Health;
use esteira_web::{
    ApiInfo, CommandProblems, IdempotencyKey, IfMatch, JsonBody, Limits, ListPage, PathId, ReadProblems,
    health_routes, mount,
};
use serde_json::Value;
use tower::ServiceExt;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

#[utoipa::path(get, path = "/users", params(ListPage), responses((status = 200, body = [i64]), ReadProblems))]
async fn list(page: ListPage) -> Json<i64> {
    Json(page.limit)
}

#[utoipa::path(put, path = "/users/{id}", params(PathId, IfMatch, IdempotencyKey), request_body = Value,
    responses((status = 200, body = i64), CommandProblems))]
async fn update(PathId(id): PathId, _: IfMatch, _: IdempotencyKey, _: JsonBody<Value>) -> Json<i64> {
    Json(id)
}

fn mounted() -> Router {
    let api = OpenApiRouter::new().routes(routes!(list)).routes(routes!(update));
    let info = ApiInfo { title: "users", description: "Users.", version: "1" };
    mount(api.merge(health_routes(Health::new())), info, &Limits::default())
}

async fn text(path: &str) -> (u16, String) {
    let response = mounted().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8_lossy(&bytes).into_owned())
}

async fn document() -> Value {
    serde_json::from_str(&text("/openapi.json").await.1).unwrap()
}

#[tokio::test]
async fn every_route_answers_at_the_root_and_under_api_v1() {
    for path in ["/users", "/api/v1/users", "/healthz", "/api/v1/healthz", "/readyz"] {
        assert_eq!(text(path).await.0, 200, "{path}");
    }
    let (status, body) = text("/api/v1/nope").await;
    assert!(status == 404 && body.contains(r#""instance":"/api/v1/nope""#), "{body}");
}

#[tokio::test]
async fn the_document_lists_every_route_once_and_both_servers() {
    let document = document().await;
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["title"], "users");
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths, ["/healthz", "/livez", "/readyz", "/users", "/users/{id}"]);
    assert_eq!(document["servers"][0]["url"], "/");
    assert_eq!(document["servers"][1]["url"], "/api/v1");
}

#[tokio::test]
async fn parameters_are_described_with_their_bounds() {
    let document = document().await;
    let page = &document["paths"]["/users"]["get"]["parameters"];
    assert_eq!(
        (&page[0]["name"], &page[0]["in"], &page[0]["required"]),
        (&"limit".into(), &"query".into(), &false.into())
    );
    assert_eq!(page[0]["schema"]["maximum"], 500);
    let command = &document["paths"]["/users/{id}"]["put"]["parameters"];
    assert_eq!(
        (&command[0]["name"], &command[0]["in"], &command[0]["required"]),
        (&"id".into(), &"path".into(), &true.into())
    );
    assert_eq!(
        (&command[1]["name"], &command[1]["in"], &command[1]["required"]),
        (&"If-Match".into(), &"header".into(), &false.into())
    );
    assert_eq!(
        (&command[2]["name"], &command[2]["in"], &command[2]["required"]),
        (&"Idempotency-Key".into(), &"header".into(), &false.into())
    );
}

#[tokio::test]
async fn problems_are_described_and_their_schema_is_there() {
    let document = document().await;
    let problem =
        &document["paths"]["/users/{id}"]["put"]["responses"]["412"]["content"]["application/problem+json"];
    assert_eq!(problem["schema"]["$ref"], "#/components/schemas/Problem");
    let schemas = &document["components"]["schemas"];
    let properties: Vec<&String> = schemas["Problem"]["properties"].as_object().unwrap().keys().collect();
    assert_eq!(
        properties,
        ["code", "detail", "details", "error", "errors", "instance", "status", "title", "trace_id", "type"]
    );
    assert!(schemas["FieldError"].is_object());
}

#[tokio::test]
async fn the_page_is_served_from_the_program_itself() {
    let (status, page) = text("/docs/").await;
    assert_eq!(status, 200);
    assert!(page.contains("swagger-ui") && !page.contains("https://"), "{page}");
    assert_eq!(text("/docs/swagger-ui-bundle.js").await.0, 200);
}
