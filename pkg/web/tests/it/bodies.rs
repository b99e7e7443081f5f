//! JSON bodies as handlers get them.

use axum::body::{Body, Bytes};
use axum::http::{Request, header};
use axum::routing::post as on_post;
use axum::{Json, Router};
use esteira_web::{JsonBody, OptionalJsonBody};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::client::{Answer, post, send};

#[derive(Default, Deserialize, Serialize)]
struct Pay {
    payment_method: Option<String>,
    amount: Option<i64>,
}

fn router() -> Router {
    Router::new()
        .route(
            "/required",
            on_post(async |body: JsonBody<Pay>| Json(json!({"pay": body.value, "hash": body.hash}))),
        )
        .route("/optional", on_post(async |body: OptionalJsonBody<Pay>| Json(body.value)))
}

async fn required(kind: Option<&str>, body: impl Into<Body>) -> Answer {
    post(router(), "/required", kind, body).await
}

#[tokio::test]
async fn json_is_accepted_with_and_without_its_content_type() {
    for kind in [None, Some("application/json"), Some("application/json; charset=utf-8")] {
        let answer = required(kind, r#"{"payment_method":"card"}"#).await;
        assert_eq!(answer.json["pay"]["payment_method"], "card", "{kind:?}");
    }
}

#[tokio::test]
async fn the_hash_is_of_the_bytes_as_they_came() {
    let hash = async |body: &'static str| required(None, body).await.json["hash"].clone();
    let first = hash(r#"{"amount":1}"#).await;
    assert_eq!(first.as_array().unwrap().len(), 32);
    assert_eq!(first, hash(r#"{"amount":1}"#).await);
    assert_ne!(first, hash(r#"{"amount": 1}"#).await);
}

#[tokio::test]
async fn another_content_type_or_encoding_is_a_415() {
    let answer = required(Some("text/plain"), "{}").await;
    assert_eq!(answer.problem(415, "/required"), "unsupported_media_type");
    assert_eq!(answer.headers[header::ACCEPT], "application/json");
    let request =
        Request::post("/required").header(header::CONTENT_ENCODING, "gzip").body(Body::from("{}")).unwrap();
    assert_eq!(send(router(), request).await.problem(415, "/required"), "unsupported_media_type");
}

#[tokio::test]
async fn what_cannot_be_read_is_a_400() {
    let cases: [(&[u8], &str); 5] = [
        (b"", "empty_body"),
        (b" \n", "empty_body"),
        (b"{\"amount\":", "invalid_json"),
        (b"{\"payment_method\":\"\xff\"}", "invalid_json"),
        (b"{\"amount\":\"x\"}", "invalid_data"),
    ];
    for (body, code) in cases {
        let answer = required(None, body).await;
        assert_eq!(answer.problem(400, "/required"), code);
        assert!(answer.json["details"].is_string());
    }
}

#[tokio::test]
async fn a_wrong_field_is_named() {
    let answer = required(None, r#"{"amount":99999999999999999999}"#).await;
    assert_eq!(answer.problem(400, "/required"), "invalid_data");
    assert_eq!(answer.fields(), ["amount"]);
}

#[tokio::test]
async fn a_number_without_a_fraction_is_an_integer_however_it_is_written() {
    for (written, read) in
        [("2.0", 2), ("-45537.0", -45_537_i64), ("1e9", 1_000_000_000), ("9007199254740992.0", 1 << 53)]
    {
        let body = format!(r#"{{"amount":{written}}}"#);
        assert_eq!(required(None, body).await.json["pay"]["amount"], read, "{written}");
    }
    for refused in ["2.5", "1e300", "9223372036854775808.0", "true", r#""2""#] {
        let answer = required(None, format!(r#"{{"amount":{refused}}}"#)).await;
        assert_eq!((answer.status.as_u16(), answer.fields()), (400, vec!["amount"]), "{refused}");
    }
}

#[tokio::test]
async fn an_optional_body_may_be_absent_and_is_checked_when_it_is_there() {
    let optional = async |kind, body: &'static str| post(router(), "/optional", kind, body).await;
    assert_eq!(optional(None, "").await.json["payment_method"], json!(null));
    assert_eq!(optional(Some("application/x-www-form-urlencoded"), "").await.status, 200);
    assert_eq!(optional(None, r#"{"payment_method":"pix"}"#).await.json["payment_method"], "pix");
    assert_eq!(optional(None, "{").await.problem(400, "/optional"), "invalid_json");
    assert_eq!(optional(Some("text/plain"), "{}").await.problem(415, "/optional"), "unsupported_media_type");
}

#[tokio::test]
async fn a_body_over_the_limit_is_a_413_with_and_without_a_length() {
    let large = "x".repeat(1025);
    let said =
        Request::post("/required").header(header::CONTENT_LENGTH, 1025).body(large.clone().into()).unwrap();
    let unsaid = Request::post("/required").body(large.into()).unwrap();
    for request in [said, unsaid] {
        let answer = send(router(), request).await;
        assert_eq!(answer.problem(413, "/required"), "body_too_large");
        assert_eq!(answer.json["detail"], "the body has more than 1024 bytes");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_a_413_for_the_extractors_of_axum_too() {
    let router = Router::new().route("/raw", on_post(async |body: Bytes| body.len().to_string()));
    assert_eq!(post(router, "/raw", None, "x".repeat(1025)).await.problem(413, "/raw"), "payload_too_large");
}
