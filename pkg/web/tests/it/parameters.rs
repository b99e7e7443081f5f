//! Ids, pages and headers as handlers get them.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request};
use axum::routing::get as on_get;
use esteira_web::{
    ConsistencyToken, IdempotencyKey, IfMatch, ListPage, NoQuery, PathId, PathParams, Reply, RequestTrace,
    traced,
};

use serde_json::json;

use crate::client::{Answer, get, send};

fn router() -> Router {
    Router::new()
        .route("/users", on_get(async |page: ListPage| format!("{} {}", page.limit, page.after)))
        .route(
            "/users/{id}/{name}/{part}",
            on_get(async |PathParams((id, ..)): PathParams<(i64, String, i32)>| id.to_string()),
        )
        .route("/users/{id}", on_get(async |PathId(id): PathId, _: NoQuery| id.to_string()))
        .route(
            "/headers",
            on_get(
                async |token: Option<ConsistencyToken>,
                       IfMatch(versions): IfMatch,
                       key: IdempotencyKey,
                       RequestTrace(trace): RequestTrace| {
                    Reply::ok((token.map(|token| token.to_string()), versions, key.0, trace.to_string()))
                },
            ),
        )
}

async fn with_header(name: &str, value: &[u8]) -> Answer {
    let request = Request::get("/headers").header(name, HeaderValue::from_bytes(value).unwrap());
    send(router(), request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn an_id_is_a_positive_integer() {
    assert_eq!(get(router(), "/users/7").await.json, 7);
    for id in ["abc", "0", "-1", "1.5", "9223372036854775808", "%20"] {
        let path = format!("/users/{id}");
        let answer = get(router(), &path).await;
        assert_eq!(answer.problem(400, &path), "invalid_data");
        assert_eq!(answer.fields(), ["id"], "{id}");
    }
}

#[tokio::test]
async fn a_target_that_is_not_utf8_is_refused() {
    for path in ["/users/%ff", "/users/7?name=%C3%28"] {
        let instance = path.split('?').next().unwrap();
        assert_eq!(get(router(), path).await.problem(400, instance), "invalid_target");
    }
}

#[tokio::test]
async fn a_page_has_a_limit_and_a_start() {
    assert_eq!(get(router(), "/users").await.json, "500 0");
    assert_eq!(get(router(), "/users?limit=2&after=9").await.json, "2 9");
    assert_eq!(get(router(), "/users?limit=501&after=x").await.fields(), ["limit", "after"]);
}

#[tokio::test]
async fn a_parameter_that_a_route_does_not_have_is_refused_with_those_that_it_has() {
    let list = get(router(), "/users?limt=1&other=2").await;
    assert_eq!(list.problem(400, "/users"), "invalid_data");
    assert_eq!(list.fields(), ["limt", "other"]);
    assert_eq!(list.json["errors"][0]["message"], "is not a parameter; allowed are limit, after");
    let one = get(router(), "/users/7?x=1").await;
    assert_eq!(one.problem(400, "/users/7"), "invalid_data");
    let wanted = json!([{"field": "x", "value": "1", "message": "is not a parameter; none is allowed"}]);
    assert_eq!(one.json["errors"], wanted);
}

#[tokio::test]
async fn a_part_of_a_path_is_refused_by_its_name() {
    assert_eq!(get(router(), "/users/7/ana/1").await.json, 7);
    for (path, field, message) in [
        ("/users/x/ana/1", "id", "must be an integer of 64 bits"),
        ("/users/7/ana/x", "part", "must be an integer of 32 bits"),
    ] {
        let answer = get(router(), path).await;
        assert_eq!(answer.problem(400, path), "invalid_data");
        assert_eq!(answer.json["errors"], json!([{"field": field, "value": "x", "message": message}]));
    }
}

#[tokio::test]
async fn headers_are_read_or_absent() {
    let none = get(router(), "/headers").await.json;
    assert!(none.as_array().unwrap()[..3].iter().all(serde_json::Value::is_null), "{none}");
    assert_eq!(with_header("if-match", b"\"3\"").await.json[1][0], 3);
    assert_eq!(with_header("idempotency-key", b"abc").await.json[2], "abc");
    assert_eq!(with_header("x-consistency-token", b"order:7:3").await.json[0], "order:7:3");
}

#[tokio::test]
async fn a_request_goes_on_with_its_clients_trace_and_begins_one_without() {
    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for router in [router(), traced(router(), "test", true)] {
        let of = async |values: &[&str]| {
            let mut request = Request::get("/headers");
            for value in values {
                request = request.header("traceparent", *value);
            }
            let answer = send(router.clone(), request.body(Body::empty()).unwrap()).await;
            answer.json[3].as_str().unwrap().to_owned()
        };
        assert_eq!(of(&[VALID]).await, VALID);
        let unsampled = VALID.replace("-01", "-00");
        assert_eq!(of(&[&unsampled]).await, unsampled);
        // Nothing is exported here, so that a new trace is not sampled.
        for values in [&[][..], &["nonsense"], &[VALID, VALID], &[&VALID[..54]]] {
            let trace = of(values).await;
            assert!(trace.len() == 55 && trace.ends_with("-00") && trace[..35] != VALID[..35], "{trace}");
        }
        assert_ne!(of(&[]).await, of(&[]).await);
    }
}

#[tokio::test]
async fn a_malformed_header_is_a_400_that_names_it() {
    let cases = [("If-Match", &b"3"[..]), ("Idempotency-Key", b"a b"), ("X-Consistency-Token", b"order:7")];
    for (name, value) in cases {
        let answer = with_header(&name.to_lowercase(), value).await;
        assert_eq!(answer.problem(400, "/headers"), "invalid_data");
        assert_eq!(answer.fields(), [name]);
    }
}
