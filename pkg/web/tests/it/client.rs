//! Requests to a router, without a socket.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use esteira_web::{Limits, protect};
use serde_json::Value;
use tower::ServiceExt;

/// Limits that a test can reach.
pub(crate) fn limits() -> Limits {
    Limits { body: 1024, request: Duration::from_millis(50), ..Limits::default() }
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Value,
}

impl Answer {
    /// Asserts the shape that every problem has and returns its code.
    pub(crate) fn problem(&self, status: u16, path: &str) -> &str {
        let json = &self.json;
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json", "{json}");
        assert_eq!((self.status.as_u16(), json["status"].as_u64()), (status, Some(status.into())), "{json}");
        assert_eq!(json["instance"], path);
        let code = json["code"].as_str().unwrap();
        assert_eq!(json["type"], format!("urn:esteira:problem:{code}"));
        assert_eq!(json["title"], code.replace('_', " "));
        for text in ["detail", "error"] {
            assert!(json[text].as_str().is_some_and(|text| !text.is_empty()), "{text} in {json}");
        }
        code
    }

    pub(crate) fn fields(&self) -> Vec<&str> {
        self.json["errors"].as_array().unwrap().iter().map(|e| e["field"].as_str().unwrap()).collect()
    }
}

pub(crate) async fn send(router: Router, request: Request<Body>) -> Answer {
    ask(protect(router, &limits()), request).await
}

/// Of a whole service.
pub(crate) async fn ask(service: Router, request: Request<Body>) -> Answer {
    let response = service.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    let json = serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into());
    Answer { status: parts.status, headers: parts.headers, json }
}

pub(crate) async fn get(router: Router, path: &str) -> Answer {
    send(router, Request::get(path).body(Body::empty()).unwrap()).await
}

pub(crate) async fn post(router: Router, path: &str, kind: Option<&str>, body: impl Into<Body>) -> Answer {
    let mut request = Request::post(path);
    if let Some(kind) = kind {
        request = request.header(header::CONTENT_TYPE, kind);
    }
    send(router, request.body(body.into()).unwrap()).await
}
