//! Routes behind a bearer token.

use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{Method, Request, header};
use esteira_telemetry::Health;
use esteira_testkit::Lines;
use esteira_web::{ApiInfo, Bearer, Limits, health_routes, mount};
use serde_json::Value;
use tower::ServiceExt;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const OLD: &str = "old-token-of-yesterday";
const NEW: &str = "new-token-of-today";

#[utoipa::path(get, path = "/users", responses((status = 200, body = [i64])))]
async fn list() -> &'static str {
    "[]"
}

#[utoipa::path(post, path = "/users", responses((status = 201, body = i64)))]
async fn create() -> &'static str {
    "1"
}

/// A service whose routes want a token, as a process serves it.
fn service() -> Router {
    let routes = OpenApiRouter::new().routes(routes!(list, create));
    let guarded = Bearer::new("ESTEIRA_COMMAND_TOKEN", [OLD, NEW]).guard(routes);
    let info = ApiInfo { title: "users", description: "Users.", version: "1" };
    mount(guarded.merge(health_routes(Health::new())), info, &Limits::default())
}

struct Answer {
    status: u16,
    challenge: Option<String>,
    retry_after: bool,
    body: Value,
}

async fn send(router: &Router, method: Method, path: &str, authorization: &str, from: &str) -> Answer {
    let peer: SocketAddr = format!("{from}:1").parse().unwrap();
    let mut request = Request::builder().method(method).uri(path).extension(ConnectInfo(peer));
    if !authorization.is_empty() {
        request = request.header(header::AUTHORIZATION, authorization);
    }
    let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    Answer {
        status: parts.status.as_u16(),
        challenge: parts
            .headers
            .get(header::WWW_AUTHENTICATE)
            .map(|value| value.to_str().unwrap().to_owned()),
        retry_after: parts.headers.contains_key(header::RETRY_AFTER),
        body: serde_json::from_slice(&bytes).unwrap_or_default(),
    }
}

#[tokio::test]
async fn every_route_wants_a_token_under_both_prefixes() {
    let service = service();
    for path in ["/users", "/api/v1/users"] {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let refused = send(&service, method.clone(), path, "", "192.0.2.1").await;
            assert_eq!(
                (refused.status, refused.body["code"].as_str()),
                (401, Some("token_required")),
                "{path}"
            );
            assert_eq!(refused.challenge.as_deref(), Some("Bearer realm=\"esteira\""), "{method} {path}");
            assert_eq!(refused.body["instance"], path);
        }
        for token in [OLD, NEW] {
            for scheme in ["Bearer", "bearer"] {
                let answer =
                    send(&service, Method::POST, path, &format!("{scheme} {token}"), "192.0.2.1").await;
                assert_eq!(answer.status, 200, "{path} {token}");
            }
        }
    }
}

#[tokio::test]
async fn a_wrong_token_is_told_as_wrong_and_nothing_of_it() {
    let service = service();
    let longer = format!("Bearer {NEW}x");
    let both = format!("Bearer {OLD},{NEW}");
    let basic = format!("Basic {NEW}");
    for (given, told_as_wrong) in [
        ("Bearer wrong", true),
        (longer.as_str(), true),
        (&longer[..longer.len() - 2], true),
        ("Bearer ", true),
        (both.as_str(), true),
        (basic.as_str(), false),
        (NEW, false),
    ] {
        let refused = send(&service, Method::GET, "/users", given, "192.0.2.1").await;
        assert_eq!(refused.status, 401, "{given}");
        assert_eq!(refused.challenge.unwrap().contains("invalid_token"), told_as_wrong, "{given}");
        let body = refused.body.to_string();
        assert!(!body.contains(NEW) && !body.contains(OLD) && !body.contains("wrong"), "{body}");
    }
}

#[tokio::test]
async fn health_metrics_and_the_document_stay_open() {
    for path in ["/healthz", "/livez", "/readyz", "/metrics", "/openapi.json", "/api/v1/healthz", "/nothing"]
    {
        assert_ne!(send(&service(), Method::GET, path, "", "192.0.2.1").await.status, 401, "{path}");
    }
}

#[tokio::test]
async fn after_many_wrong_tokens_an_address_has_to_wait_but_not_with_a_right_one() {
    let service = service();
    for _ in 0..10 {
        assert_eq!(send(&service, Method::GET, "/users", "Bearer wrong", "192.0.2.1").await.status, 401);
    }
    let answer = send(&service, Method::GET, "/api/v1/users", "Bearer wrong", "192.0.2.1").await;
    assert_eq!((answer.status, answer.retry_after), (429, true));
    // Others behind the same proxy do not wait, nor does another address, nor a request that guesses nothing.
    let right = send(&service, Method::GET, "/users", &format!("Bearer {NEW}"), "192.0.2.1").await;
    assert_eq!(right.status, 200);
    assert_eq!(send(&service, Method::GET, "/users", "Bearer wrong", "192.0.2.2").await.status, 401);
    assert_eq!(send(&service, Method::GET, "/users", "", "192.0.2.1").await.status, 401);
    assert_eq!(send(&service, Method::GET, "/readyz", "Bearer wrong", "192.0.2.1").await.status, 200);
}

#[tokio::test]
async fn the_document_says_which_routes_want_a_token() {
    let document = send(&service(), Method::GET, "/openapi.json", "", "192.0.2.1").await.body;
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    for method in ["get", "post"] {
        let operation = &document["paths"]["/users"][method];
        assert!(operation["security"][0]["bearer"].is_array(), "{operation}");
        assert!(operation["responses"]["401"].is_object(), "{operation}");
    }
    assert!(document["paths"]["/readyz"]["get"]["security"].is_null());
}

#[tokio::test]
async fn no_token_is_ever_logged() {
    let (lines, _logged) = Lines::of(|lines| {
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(lines).finish()
    });
    let service = service();
    for token in ["guess-1", NEW, "guess-2"] {
        send(&service, Method::GET, "/users", &format!("Bearer {token}"), "192.0.2.1").await;
    }
    let text = lines.text();
    assert!(text.contains("a wrong token was given") && text.contains("192.0.2.1"), "{text}");
    assert!(!text.contains("guess") && !text.contains(NEW) && !text.contains(OLD), "{text}");
}
