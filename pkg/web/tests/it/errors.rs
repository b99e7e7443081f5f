//! Every error is a problem, whoever made it.

use std::error::Error;
use std::fmt;
use std::future::pending;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Query;
use axum::http::{Request, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get as on_get, post as on_post};
use esteira_testkit::Lines;
use esteira_web::{Problem, protect, traced};
use serde_json::json;

use crate::client::{ask, get, limits, send};

fn failing_with(problem: Problem) -> Router {
    Router::new().route("/users/7", on_get(async move || problem))
}

#[tokio::test]
async fn a_problem_has_the_members_of_rfc_9457_and_those_of_go() {
    let problem = Problem::not_found("user_not_found", "user 7 not found");
    let answer = get(failing_with(problem), "/users/7?verbose=1").await;
    assert_eq!(
        answer.json,
        json!({
            "type": "urn:esteira:problem:user_not_found",
            "title": "user not found",
            "status": 404,
            "detail": "user 7 not found",
            "instance": "/users/7",
            "code": "user_not_found",
            "error": "user 7 not found",
        })
    );
}

#[tokio::test]
async fn an_invalid_field_is_told_as_go_told_it_and_by_name() {
    let answer =
        get(failing_with(Problem::invalid_field("email", "nope", "must be an email address")), "/users/7")
            .await;
    assert_eq!(answer.problem(400, "/users/7"), "invalid_data");
    assert_eq!(answer.json["error"], "invalid data");
    assert_eq!(answer.json["details"], "email: must be an email address");
    assert_eq!(
        answer.json["errors"],
        json!([{"field": "email", "message": "must be an email address", "value": "nope"}])
    );
}

#[tokio::test]
async fn every_constructor_answers_its_status() {
    let second = Duration::from_millis(1500);
    let problems = [
        (400, "order_paid", Problem::bad_request("order_paid", "a paid order cannot be cancelled")),
        (404, "user_not_found", Problem::not_found("user_not_found", "user 7 not found")),
        (405, "method_not_allowed", Problem::method_not_allowed("not here")),
        (409, "email_taken", Problem::conflict("email_taken", "the email is taken")),
        (412, "precondition_failed", Problem::precondition_failed("the version is 4")),
        (413, "body_too_large", Problem::body_too_large(7)),
        (415, "unsupported_media_type", Problem::unsupported_media_type("text/plain")),
        (422, "price_differs", Problem::unprocessable("price_differs", "the price is 7.00")),
        (429, "too_many_requests", Problem::too_many_requests("the queue is full", second)),
        (500, "internal_error", Problem::internal(&fmt::Error)),
        (
            503,
            "not_yet_visible",
            Problem::unavailable("not_yet_visible", "order 7 is not yet visible", second),
        ),
    ];
    for (status, code, problem) in problems {
        let answer = get(failing_with(problem), "/users/7").await;
        assert_eq!(answer.problem(status, "/users/7"), code);
        let retry_after = answer.headers.get(header::RETRY_AFTER).map(|value| value.to_str().unwrap());
        assert_eq!(retry_after, matches!(status, 429 | 503).then_some("2"), "{status}");
    }
}

#[derive(Debug)]
struct Secret;

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("password is hunter2")
    }
}

impl Error for Secret {}

#[tokio::test]
async fn an_internal_error_tells_nothing_of_its_cause() {
    for problem in [
        Problem::internal(&Secret),
        Problem::unavailable("unavailable", "the store is away", Duration::ZERO).caused_by(&Secret),
    ] {
        let answer = get(failing_with(problem), "/users/7").await;
        assert!(!answer.json.to_string().contains("hunter2"), "{}", answer.json);
    }
}

#[tokio::test]
async fn a_cause_is_logged_once_with_the_request() {
    let (lines, _logged) =
        Lines::of(|lines| tracing_subscriber::fmt().with_ansi(false).with_writer(lines).finish());
    get(failing_with(Problem::internal(&Secret)), "/users/7").await;
    let text = lines.text();
    let wanted = "request failed method=GET path=\"/users/7\" status=500 error=password is hunter2";
    assert_eq!((text.lines().count(), text.trim_end().ends_with(wanted)), (1, true), "{text}");
}

#[tokio::test]
async fn a_panic_is_a_500_problem() {
    let router = Router::new()
        .route("/literal", on_get(async || -> StatusCode { panic!("password is hunter2") }))
        .route("/formatted", on_get(async || -> StatusCode { panic!("password is {}", "hunter2") }));
    for path in ["/literal", "/formatted"] {
        let answer = get(router.clone(), path).await;
        assert_eq!(answer.problem(500, path), "internal_error");
        assert!(!answer.json.to_string().contains("hunter2"));
    }
}

#[tokio::test]
async fn a_fault_and_an_outage_name_the_trace_that_the_log_has() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let away = || async { Problem::unavailable("store_unavailable", "the store is away", Duration::ZERO) };
    let router = Router::new()
        .route("/fault", on_get(async || Problem::internal(&Secret)))
        .route("/panic", on_get(async || -> StatusCode { panic!("{Secret}") }))
        .route("/away", on_get(away))
        .route("/slow", on_get(pending::<()>));
    let service = traced(protect(router, &limits()), "test", true);
    let cases = [("/fault", 500, true), ("/panic", 500, true), ("/away", 503, true), ("/slow", 503, true)];
    for (path, status, told) in cases.into_iter().chain([("/nope", 404, false)]) {
        let request = Request::get(path).header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"));
        let answer = ask(service.clone(), request.body(Body::empty()).unwrap()).await;
        answer.problem(status, path);
        assert_eq!(answer.json.get("trace_id"), told.then(|| json!(TRACE)).as_ref(), "{path}");
    }
}

#[tokio::test]
async fn an_unknown_path_is_a_404_problem() {
    let answer = get(Router::new(), "/nope").await;
    assert_eq!(answer.problem(404, "/nope"), "not_found");
}

#[tokio::test]
async fn a_wrong_method_is_a_405_problem_that_names_the_right_ones() {
    let router =
        Router::new().nest("/api", Router::new().route("/users", on_get(async || "ok").post(async || "ok")));
    let answer = send(router, Request::patch("/api/users").body(Body::empty()).unwrap()).await;
    assert_eq!(answer.problem(405, "/api/users"), "method_not_allowed");
    assert_eq!(answer.headers[header::ALLOW], "GET,HEAD,POST");
}

#[tokio::test]
async fn a_rejection_of_axum_is_a_problem_with_its_text() {
    #[derive(serde::Deserialize)]
    struct Wanted {
        #[expect(dead_code, reason = "only its type matters")]
        page: u32,
    }
    let router = Router::new().route("/users", on_get(async |_: Query<Wanted>| "ok"));
    let answer = get(router, "/users?page=x").await;
    assert_eq!(answer.problem(400, "/users"), "bad_request");
    assert!(answer.json["detail"].as_str().unwrap().contains("page"));
}

#[tokio::test]
async fn a_bare_status_is_a_problem_and_its_text_stays_inside_when_it_is_a_fault() {
    let router = Router::new()
        .route("/gone", on_get(async || StatusCode::GONE))
        .route("/fault", on_get(async || (StatusCode::INTERNAL_SERVER_ERROR, "password is hunter2")))
        .route("/gateway", on_get(async || StatusCode::BAD_GATEWAY));
    assert_eq!(get(router.clone(), "/gone").await.problem(410, "/gone"), "gone");
    assert_eq!(get(router.clone(), "/gateway").await.problem(502, "/gateway"), "internal_error");
    let fault = get(router, "/fault").await;
    assert_eq!(fault.problem(500, "/fault"), "internal_error");
    assert!(!fault.json.to_string().contains("hunter2"));
}

#[tokio::test]
async fn an_error_with_a_json_body_of_its_own_is_left_alone() {
    let stored = json!({"status": "not_ready"});
    let router = Router::new().route(
        "/readyz",
        on_get(async move || (StatusCode::SERVICE_UNAVAILABLE, axum::Json(stored)).into_response()),
    );
    let answer = get(router, "/readyz").await;
    assert_eq!(
        (answer.status, answer.json),
        (StatusCode::SERVICE_UNAVAILABLE, json!({"status": "not_ready"}))
    );
}

#[tokio::test]
async fn a_handler_that_takes_too_long_is_a_503_problem() {
    let router = Router::new().route("/slow", on_post(async || pending::<StatusCode>().await));
    let answer = send(router, Request::post("/slow").body(Body::empty()).unwrap()).await;
    assert_eq!(answer.problem(503, "/slow"), "unavailable");
    assert_eq!(answer.headers[header::RETRY_AFTER], "1");
}
