//! Answers: the envelopes of the Go services, entity tags and consistency tokens.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::token::{CONSISTENCY_TOKEN, ConsistencyToken};

/// A single resource: `{data, message?}`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Envelope<T> {
    /// The resource.
    pub data: T,
    /// What was done, after a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl<T> Envelope<T> {
    /// `{data}`.
    pub fn new(data: T) -> Self {
        Self { data, message: None }
    }

    /// `{data, message}`.
    pub fn with_message(data: T, message: impl Into<String>) -> Self {
        Self { data, message: Some(message.into()) }
    }
}

/// A list: `{data, total}`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct List<T> {
    /// The rows of this page.
    pub data: Vec<T>,
    /// How many rows there are over all pages.
    pub total: u64,
}

/// An answer without a resource: `{message}`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Message {
    /// What was done.
    pub message: String,
}

impl Message {
    /// `{message}`.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// 201 with `{data, message}`: `Created::new(user, "user created").etag(1)`.
pub struct Created;

impl Created {
    /// A 201 around `data`.
    #[expect(clippy::new_ret_no_self, reason = "a name for the usual reply, which goes on as a Reply")]
    pub fn new<T: Serialize>(data: T, message: impl Into<String>) -> Reply<Envelope<T>> {
        Reply::new(StatusCode::CREATED, Envelope::with_message(data, message))
    }
}

/// An answer with the headers of a changed or single resource.
#[derive(Clone, Debug)]
pub struct Reply<T> {
    status: StatusCode,
    headers: HeaderMap,
    body: T,
}

impl<T: Serialize> Reply<T> {
    /// An answer of any status.
    pub fn new(status: StatusCode, body: T) -> Self {
        Self { status, headers: HeaderMap::new(), body }
    }

    /// 200.
    pub fn ok(body: T) -> Self {
        Self::new(StatusCode::OK, body)
    }

    /// Adds `ETag: "<version>"`.
    #[must_use]
    pub fn etag(mut self, version: i64) -> Self {
        self.headers.insert(header::ETAG, etag(version));
        self
    }

    /// Adds `X-Consistency-Token`.
    #[must_use]
    pub fn token(mut self, token: &ConsistencyToken) -> Self {
        // An aggregate's name is lowercase ASCII; another one could not be read back and is left out.
        if let Ok(value) = HeaderValue::try_from(token.to_string()) {
            self.headers.insert(CONSISTENCY_TOKEN, value);
        }
        self
    }

    /// Adds `Location`; left out if `path` has characters that no header can carry.
    #[must_use]
    pub fn location(mut self, path: &str) -> Self {
        if let Ok(value) = HeaderValue::try_from(path) {
            self.headers.insert(header::LOCATION, value);
        }
        self
    }
}

impl<T: Serialize> IntoResponse for Reply<T> {
    fn into_response(self) -> Response {
        (self.status, self.headers, Json(self.body)).into_response()
    }
}

/// A version as a strong entity tag: `"3"`.
pub fn etag(version: i64) -> HeaderValue {
    let mut quoted = String::with_capacity(22);
    quoted.push('"');
    quoted.push_str(&version.to_string());
    quoted.push('"');
    HeaderValue::try_from(quoted).unwrap_or_else(|_| HeaderValue::from(version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_created_resource_carries_its_headers() {
        let reply = Created::new(7, "user created")
            .etag(1)
            .token(&ConsistencyToken::new("user", 7, 1))
            .location("/users/7");
        let response = reply.into_response();
        assert_eq!(response.status(), StatusCode::CREATED);
        assert_eq!(response.headers()[header::ETAG], "\"1\"");
        assert_eq!(response.headers()[CONSISTENCY_TOKEN], "user:7:1");
        assert_eq!(response.headers()[header::LOCATION], "/users/7");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
    }

    #[test]
    fn envelopes_have_the_shapes_of_the_go_services() {
        let json = |value| serde_json::to_string(&value).unwrap();
        assert_eq!(json(Envelope::new(7)), r#"{"data":7}"#);
        assert_eq!(json(Envelope::with_message(7, "done")), r#"{"data":7,"message":"done"}"#);
        assert_eq!(
            serde_json::to_string(&List { data: vec![7], total: 1 }).unwrap(),
            r#"{"data":[7],"total":1}"#
        );
        assert_eq!(serde_json::to_string(&Message::new("done")).unwrap(), r#"{"message":"done"}"#);
    }
}
