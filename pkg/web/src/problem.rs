//! RFC 9457 problem details with Go's `error` and `details` beside them.

mod response;

use std::borrow::Cow;
use std::error::Error;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

pub(crate) use response::render;

/// An error as every route answers it: `application/problem+json` (RFC 9457), with the Go services' `error` and `details` strings.
///
/// Boxed, so that a `Result<_, Problem>` stays small; its members are those of [`Members`].
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Problem(Box<Members>);

impl Deref for Problem {
    type Target = Members;

    fn deref(&self) -> &Members {
        &self.0
    }
}

impl DerefMut for Problem {
    fn deref_mut(&mut self) -> &mut Members {
        &mut self.0
    }
}

impl PartialSchema for Problem {
    fn schema() -> RefOr<Schema> {
        Members::schema()
    }
}

impl ToSchema for Problem {
    fn name() -> Cow<'static, str> {
        "Problem".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Members::schemas(schemas);
    }
}

/// The members of a [`Problem`].
///
/// `code` is the stable name that a program matches on; `type` and `title` follow from it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Members {
    /// `urn:esteira:problem:<code>`.
    #[serde(rename = "type")]
    #[schema(example = "urn:esteira:problem:user_not_found")]
    pub kind: String,
    /// The code in words; the same for every occurrence.
    #[schema(example = "user not found")]
    pub title: String,
    /// The HTTP status code.
    #[schema(example = 404, minimum = 400, maximum = 599)]
    pub status: u16,
    /// What is wrong in this request.
    #[schema(example = "user 7 not found")]
    pub detail: String,
    /// The path of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "/users/7")]
    pub instance: Option<String>,
    /// A stable name in `snake_case`.
    #[schema(example = "user_not_found")]
    pub code: String,
    /// Every field that was refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// The text that the Go services gave as `error`.
    #[schema(example = "user 7 not found")]
    pub error: String,
    /// The text that the Go services gave as `details`, on an invalid request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
    /// Of a fault or an outage: what the service's log lines about this request carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "4bf92f3577b34da6a3ce929d0e0e4736")]
    pub trace_id: Option<String>,
    /// Sent beside the body: `Retry-After`, `Allow`, `Accept`, `WWW-Authenticate`.
    #[serde(skip)]
    #[schema(ignore)]
    pub(crate) headers: HeaderMap,
    /// For the log only; never in the body.
    #[serde(skip)]
    #[schema(ignore)]
    pub(crate) cause: Option<String>,
}

/// A refused field of a [`Problem`].
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct FieldError {
    /// Its path in the body, or the name of a parameter or header.
    #[schema(example = "items[0].quantity")]
    pub field: String,
    /// What is allowed.
    #[schema(example = "must be at least 1")]
    pub message: String,
    /// What was given, when that is short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = any_json)]
    pub value: Option<serde_json::Value>,
}

/// Any JSON value: the schema without a type.
fn any_json() -> utoipa::openapi::Schema {
    utoipa::openapi::schema::Object::builder()
        .schema_type(utoipa::openapi::schema::SchemaType::AnyValue)
        .build()
        .into()
}

impl FieldError {
    /// A field error without the value.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into(), value: None }
    }

    /// Shows what was given, if its JSON has at most 64 characters.
    #[must_use]
    pub fn with_value(mut self, value: impl Serialize) -> Self {
        self.value = serde_json::to_value(value).ok().filter(|json| !json.is_null() && is_short(json));
        self
    }
}

fn is_short(json: &serde_json::Value) -> bool {
    json.to_string().chars().count() <= 64
}

impl Problem {
    /// A problem of any status; the named constructors below are for the usual ones.
    pub fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        let code = code.into().into_owned();
        let detail = detail.into();
        Self(Box::new(Members {
            kind: format!("urn:esteira:problem:{code}"),
            title: code.replace('_', " "),
            status: status.as_u16(),
            error: detail.clone(),
            detail,
            instance: None,
            code,
            errors: Vec::new(),
            details: None,
            trace_id: None,
            headers: HeaderMap::new(),
            cause: None,
        }))
    }

    /// 400: the request cannot be obeyed as it is, for example in the resource's state.
    pub fn bad_request(code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// 400 `invalid_data`: these fields were refused. As in Go, `error` is general and `details` names the fields.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let described: Vec<String> = errors.iter().map(|e| format!("{}: {}", e.field, e.message)).collect();
        let mut problem = Self::unreadable("invalid_data", described.join("; "));
        problem.errors = errors;
        problem
    }

    /// 400 `invalid_data` for one field.
    pub fn invalid_field(
        field: impl Into<String>,
        value: impl Serialize,
        message: impl Into<String>,
    ) -> Self {
        Self::invalid(vec![FieldError::new(field, message).with_value(value)])
    }

    /// 400 whose general `error` is the title, with the particulars in `details`.
    pub(crate) fn unreadable(code: &'static str, detail: String) -> Self {
        let mut problem = Self::bad_request(code, detail.clone());
        let members = &mut *problem;
        members.error.clone_from(&members.title);
        members.details = Some(detail);
        problem
    }

    /// 404: `code` says what is missing (`user_not_found`).
    pub fn not_found(code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, detail)
    }

    /// 405; the layer of [`crate::protect`] keeps the router's `Allow`.
    pub fn method_not_allowed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
    }

    /// 408 `request_timeout`: the body has not come within `limit`. The connection ends with it.
    pub(crate) fn request_timeout(limit: Duration) -> Self {
        let detail = format!("the body did not come within {limit:?}");
        Self::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", detail).last_of_connection()
    }

    /// 409: another resource or request is in the way (`email_taken`).
    pub fn conflict(code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// 412 `precondition_failed`: `If-Match` lost to a newer version.
    pub fn precondition_failed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, "precondition_failed", detail)
    }

    /// 413 `body_too_large`; `limit` in bytes.
    pub fn body_too_large(limit: usize) -> Self {
        let detail = format!("the body has more than {limit} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
    }

    /// 415 `unsupported_media_type`, with `Accept: application/json` (RFC 9110, 15.5.16).
    pub fn unsupported_media_type(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
            .with_header(header::ACCEPT, HeaderValue::from_static("application/json"))
    }

    /// 422: well-formed, and refused by a rule (`idempotency_key_reused`, `price_differs`).
    pub fn unprocessable(code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }

    /// 429 `too_many_requests`: this client has to wait.
    pub fn too_many_requests(detail: impl Into<String>, retry_after: Duration) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail).with_retry_after(retry_after)
    }

    /// 503: a store is away, a view is not yet there (`not_yet_visible`).
    pub fn unavailable(
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<String>,
        retry_after: Duration,
    ) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).with_retry_after(retry_after)
    }

    /// 500 `internal_error`. The body is generic; `error` and its sources are logged once, by the layer of [`crate::protect`].
    pub fn internal(error: &dyn Error) -> Self {
        Self::internal_because("internal server error", chain(error))
    }

    fn internal_because(detail: &str, cause: String) -> Self {
        let mut problem = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", detail);
        problem.cause = Some(cause);
        problem
    }

    /// 500 `internal_error` for a panic's message.
    pub(crate) fn panicked(message: &str) -> Self {
        Self::internal_because("internal server error", format!("handler panicked: {message}"))
    }

    /// A 5xx that a framework or a handler answered as a bare status; its text is for the log.
    pub(crate) fn unexpected(status: StatusCode, text: String) -> Self {
        let mut problem = Self::internal_because("internal server error", text);
        problem.status = status.as_u16();
        problem
    }

    /// Adds what the log, and never the body, says of this problem: `error` and its sources.
    #[must_use]
    pub fn caused_by(mut self, error: &dyn Error) -> Self {
        self.cause = Some(chain(error));
        self
    }

    /// Adds a field error.
    #[must_use]
    pub fn with_field(mut self, error: FieldError) -> Self {
        self.errors.push(error);
        self
    }

    /// Sends `Retry-After` in whole seconds, rounded up, at least 1.
    #[must_use]
    pub fn with_retry_after(self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.with_header(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }

    /// Sends a header beside the body.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Ends the connection: what is left of the request will not be read.
    #[must_use]
    pub(crate) fn last_of_connection(self) -> Self {
        self.with_header(header::CONNECTION, HeaderValue::from_static("close"))
    }

    /// The status as a type; 500 if the number is none.
    pub fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some libraries repeat their source in their own text.
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
