//! The listener of the operator's side: the pages around the API, and what stands before every page.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Redirect, Response};
use esteira_web::{Limits, Problem, protect};

use crate::access::{Guard, foreign_origin, is_own_origin};
use crate::form::Form;
use crate::jobs::Jobs;
use crate::sampler::Sampler;
use crate::{Console, Desk, assets, layout, pages};

/// The most bytes of a problem that is shown as a page.
const PROBLEM_BYTES: usize = 1024 * 1024;

/// Nothing inline, nothing from elsewhere, in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// `no-referrer` would make browsers hide the origin of our own forms.
const HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

/// `api`, which is mounted already, with the pages of `console` around it.
pub fn router(api: Router, console: Console, limits: &Limits) -> Router {
    let problems_as_pages = from_fn_with_state(console.guard.clone(), problems_as_pages);
    let desk = Arc::new(Desk { console, sampler: Sampler::default(), jobs: Jobs::default() });
    let guarded = pages::router().route_layer(from_fn_with_state(Arc::clone(&desk), guard));
    let pages = guarded
        .merge(pages::sign_in::router())
        .with_state(desk)
        .merge(assets::router())
        .fallback(|| async { StatusCode::NOT_FOUND });
    let pages = protect(pages, limits).layer(map_response(harden));
    api.merge(pages).layer(problems_as_pages)
}

async fn harden(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Lets a visitor through who may see pages, and a form that a page of ours has sent.
async fn guard(State(desk): State<Arc<Desk>>, request: Request, next: Next) -> Response {
    let visitor = match desk.console.guard.visitor(request.headers()) {
        Ok(visitor) => visitor,
        Err(problem)
            if problem.status_code() == StatusCode::UNAUTHORIZED && wants_page(request.headers()) =>
        {
            return to_sign_in(&request);
        }
        Err(problem) => return problem.into_response(),
    };
    let mut request = request;
    if !request.method().is_safe() {
        let headers = request.headers();
        if !is_own_origin(headers) {
            return foreign_origin().into_response();
        }
        let body = std::mem::take(request.body_mut());
        let form = match Form::receive(body).await {
            Ok(form) => form,
            Err(problem) => return problem.into_response(),
        };
        if !visitor.sent(form.text(layout::FORM_TOKEN)) {
            let detail = "the form is of another session: load its page again";
            return Problem::new(StatusCode::FORBIDDEN, "stale_form", detail).into_response();
        }
        request.extensions_mut().insert(form);
    }
    request.extensions_mut().insert(visitor);
    next.run(request).await
}

/// A form that was sent too late loses its answer, a page comes back after signing in.
fn to_sign_in(request: &Request) -> Response {
    let page = request.uri().path_and_query().filter(|_| request.method() == Method::GET);
    let page = page.map_or("/", |page| page.as_str());
    let query = serde_urlencoded::to_string([("next", page)]).unwrap_or_default();
    Redirect::to(&format!("/sign-in?{query}")).into_response()
}

/// Whether a browser asks, for something to show.
fn wants_page(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/html"))
}

/// Shows a browser every problem, the API's too, as a page.
async fn problems_as_pages(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let shown = wants_page(request.headers());
    let (visitor, path) = (guard.visitor(request.headers()).ok(), request.uri().path().to_owned());
    let response = next.run(request).await;
    let kind = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    if !shown || kind != Some(b"application/problem+json") {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, PROBLEM_BYTES).await else { return parts.status.into_response() };
    let Ok(problem) = serde_json::from_slice::<Problem>(&bytes) else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    let page = layout::problem(visitor.as_ref(), &path, &problem);
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    harden(Response::from_parts(parts, Body::from(page.into_string()))).await
}
