//! A problem as a response.

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::Problem;

/// The content type of every error body.
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

impl IntoResponse for Problem {
    /// The problem also rides along as an extension, for the layer of [`crate::protect`] to complete and to log.
    fn into_response(self) -> Response {
        let mut response = render(&self);
        response.extensions_mut().insert(self);
        response
    }
}

pub(crate) fn render(problem: &Problem) -> Response {
    let body = serde_json::to_vec(problem).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = problem.status_code();
    *response.headers_mut() = problem.headers.clone();
    response.headers_mut().insert(header::CONTENT_TYPE, MEDIA_TYPE);
    response
}
