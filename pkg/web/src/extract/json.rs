//! JSON bodies.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::json_error;
use crate::layers::BodyLimit;
use crate::problem::Problem;

/// A JSON body with the SHA-256 of its bytes, which an idempotency key is bound to.
///
/// Accepts a missing content type and unknown fields, as Go did; of a repeated key the last one counts. Rejects with
/// 415 for another content type or a content encoding, 413, and 400 naming the field by its path.
#[derive(Clone, Debug)]
pub struct JsonBody<T> {
    /// What the body says.
    pub value: T,
    /// SHA-256 of the body as it came.
    pub hash: [u8; 32],
}

/// A [`JsonBody`] that may be empty or absent: then it is `T::default()`, whatever the content type.
#[derive(Clone, Debug)]
pub struct OptionalJsonBody<T> {
    /// What the body says.
    pub value: T,
    /// SHA-256 of the body as it came.
    pub hash: [u8; 32],
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let unsupported = check_content(request.headers());
        let bytes = read(request, state).await?;
        unsupported?;
        if bytes.trim_ascii().is_empty() {
            return Err(Problem::unreadable("empty_body", "the body is empty; JSON is expected".into()));
        }
        Ok(Self { value: json_error::parse(&bytes)?, hash: Sha256::digest(&bytes).into() })
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for OptionalJsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let unsupported = check_content(request.headers());
        let bytes = read(request, state).await?;
        let hash = Sha256::digest(&bytes).into();
        if bytes.trim_ascii().is_empty() {
            return Ok(Self { value: T::default(), hash });
        }
        unsupported?;
        Ok(Self { value: json_error::parse(&bytes)?, hash })
    }
}

/// The body is read even when its type is refused: an answer to an unread body can be lost with the connection.
async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    let limit = BodyLimit::of(&request);
    Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::body_too_large(limit),
        _ => Problem::unreadable("unreadable_body", "the body could not be read to its end".into()),
    })
}

fn check_content(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    if let Some(encoding) = text(header::CONTENT_ENCODING).filter(|e| !e.eq_ignore_ascii_case("identity")) {
        return Err(Problem::unsupported_media_type(format!("content encoding {encoding} is not supported")));
    }
    if headers.get_all(header::CONTENT_TYPE).iter().count() > 1 {
        return Err(Problem::unsupported_media_type("there is more than one Content-Type"));
    }
    match text(header::CONTENT_TYPE) {
        Some(kind) if !is_json(&kind) => {
            Err(Problem::unsupported_media_type(format!("content type {kind} is not application/json")))
        }
        Some(_) | None => Ok(()),
    }
}

/// `application/json` or `application/*+json`, with any parameters.
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let Some(subtype) = essence.strip_prefix("application/") else { return essence.is_empty() };
    subtype == "json" || subtype.ends_with("+json")
}

#[cfg(test)]
mod tests {
    use super::is_json;

    #[test]
    fn json_is_known_by_its_media_type() {
        for kind in
            ["", "application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"]
        {
            assert!(is_json(kind), "{kind}");
        }
        for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "json"] {
            assert!(!is_json(kind), "{kind}");
        }
    }
}
