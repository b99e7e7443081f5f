//! What surrounds every route: problems for all errors, panics, time and size limits.

use std::any::Any;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use esteira_telemetry::TraceContext;
use esteira_telemetry::metrics::HTTP_DURATION;
use http_body_util::BodyExt;
use tokio::time::timeout;
use tower_http::catch_panic::CatchPanicLayer;

use crate::awaited::Awaited;
use crate::problem::{Problem, render};
use crate::server::Limits;

/// How much of a refused body is read and thrown away, in times of the limit, so that the client gets to read the 413.
const DRAIN_TIMES: usize = 16;
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// The longest plain text of a framework's rejection that is kept as the detail, in bytes.
const REJECTION_MAX: usize = 4096;

/// Wraps a router so that every error, whoever made it, is an RFC 9457 problem: the router's own 404 and 405, axum's
/// rejections, panics (500), a body over the limit (413), one that does not come in time (408) and a handler over the
/// time (503).
///
/// What can be is one middleware: axum copies everything that is inside of one for each request.
pub fn protect(router: Router, limits: &Limits) -> Router {
    router.layer((
        from_fn_with_state(limits.clone(), protected),
        CatchPanicLayer::custom(panicked),
        DefaultBodyLimit::max(limits.body),
    ))
}

/// Measures, completes problems with the path and, of a fault or an outage, the trace, turns other errors into problems, and
/// logs causes.
async fn protected(State(limits): State<Limits>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = answer(&limits, request, next).await;
    let mut error_type = None;
    if is_error(response.status()) {
        let problem = problem_of(&method, &path, &mut response).await;
        error_type = error_type_of(response.status(), problem.as_ref());
        if let Some(problem) = problem {
            response = complete(&problem, response);
        }
    }
    let status = response.status();
    let elapsed = started.elapsed();
    // Whatever a client makes up is one label.
    let route = route.as_ref().map_or("other", MatchedPath::as_str);
    HTTP_DURATION.took([known(&method), route, status.as_str(), &error_type.unwrap_or_default()], elapsed);
    tracing::debug!(%method, path, status = status.as_u16(), ?elapsed, "request answered");
    response
}

async fn answer(limits: &Limits, mut request: Request, next: Next) -> Response {
    if !has_readable_target(&request) {
        return Problem::unreadable("invalid_target", "the path or query is not UTF-8".into())
            .into_response();
    }
    if says_too_large(&request, limits.body) {
        let most = limits.body.saturating_mul(DRAIN_TIMES);
        // The answer does not wait for it.
        tokio::spawn(timeout(limits.request, drain(request, most)));
        return Problem::body_too_large(limits.body).last_of_connection().into_response();
    }
    request.extensions_mut().insert(BodyLimit(limits.body));
    answer_in_time(limits.request, request, next).await
}

/// Whether path and query are UTF-8 once percent-decoded: with replacement characters they would mean something else.
fn has_readable_target(request: &Request) -> bool {
    let target = request.uri().path_and_query().map_or("", PathAndQuery::as_str);
    !target.contains('%') || String::from_utf8(decoded(target)).is_ok()
}

/// Decodes `%XX`; a `%` without two hex digits stands for itself.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = tail
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &tail[2..] } else { tail };
    }
    bytes
}

/// The most bytes a body may have, for whoever has to name it.
#[derive(Clone, Copy)]
pub(crate) struct BodyLimit(usize);

impl BodyLimit {
    /// The limit of the router this request went through.
    pub(crate) fn of(request: &Request) -> usize {
        request.extensions().get::<Self>().map_or(usize::MAX, |limit| limit.0)
    }
}

/// A body that does not say how large it is is cut off where it is read.
fn says_too_large(request: &Request, limit: usize) -> bool {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length: Option<usize> = length.and_then(|value| value.to_str().ok()?.parse().ok());
    length.is_some_and(|length| length > limit)
}

/// A client that waits for `100 Continue` has sent nothing.
async fn drain(request: Request, most: usize) {
    if request.headers().contains_key(header::EXPECT) {
        return;
    }
    let mut body = request.into_body();
    let mut read = 0;
    while read <= most
        && let Some(Ok(frame)) = body.frame().await
    {
        read += frame.data_ref().map_or(0, Bytes::len);
    }
}

/// Ends what takes too long: by the client's fault while its body is waited for, by ours otherwise.
async fn answer_in_time(limit: Duration, request: Request, next: Next) -> Response {
    let body = Awaited::default();
    let request = request.map(|arriving| body.watch(arriving));
    match timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) if body.is_set() => Problem::request_timeout(limit).into_response(),
        Err(_) => {
            Problem::unavailable("unavailable", "the request took too long", RETRY_AFTER).into_response()
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the signature tower-http wants")]
fn panicked(payload: Box<dyn Any + Send>) -> Response {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    Problem::panicked(text.unwrap_or("no message")).into_response()
}

pub(crate) fn known(method: &Method) -> &str {
    const KNOWN: [Method; 7] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    if KNOWN.contains(method) { method.as_str() } else { "_OTHER" }
}

fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

/// The problem of an error, logged; none where a handler has answered in its own words.
async fn problem_of(method: &Method, path: &str, response: &mut Response) -> Option<Problem> {
    let problem = response.extensions_mut().remove::<Problem>();
    let mut problem = match problem {
        Some(problem) => problem,
        None if is_bare(response.headers()) => from_bare(method, path, response).await,
        None => return None,
    };
    problem.instance = Some(path.to_owned());
    if problem.status_code().is_server_error() {
        problem.trace_id = TraceContext::current().map(|trace| trace.trace_id().to_string());
    }
    log_cause(method, path, &problem);
    Some(problem)
}

/// OpenTelemetry's `error.type`, which a server sets on 5xx alone: the code, or the status where there is none.
fn error_type_of(status: StatusCode, problem: Option<&Problem>) -> Option<String> {
    let code = || problem.map_or_else(|| status.as_str().to_owned(), |problem| problem.code.clone());
    status.is_server_error().then(code)
}

/// The problem's body under the headers that the router or handler had set (`Allow`, …).
fn complete(problem: &Problem, response: Response) -> Response {
    let (parts, _) = response.into_parts();
    let mut completed = render(problem);
    for (name, value) in &parts.headers {
        if *name != header::CONTENT_TYPE
            && *name != header::CONTENT_LENGTH
            && !problem.headers.contains_key(name)
        {
            completed.headers_mut().append(name, value.clone());
        }
    }
    completed
}

/// No body, or plain text: what axum, tower-http and a bare status code answer with.
fn is_bare(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_none_or(|kind| kind.starts_with(b"text/plain"))
}

async fn from_bare(method: &Method, path: &str, response: &mut Response) -> Problem {
    let body = std::mem::take(response.body_mut());
    let text = to_bytes(body, REJECTION_MAX).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let status = response.status();
    let detail = |general: String| if text.is_empty() { general } else { text.clone() };
    match status {
        StatusCode::NOT_FOUND => {
            Problem::not_found("not_found", detail(format!("there is nothing at {path}")))
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            Problem::method_not_allowed(format!("{method} is not allowed at {path}"))
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            Problem::unsupported_media_type(detail("unsupported media type".into()))
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            Problem::new(status, "unavailable", detail("the request took too long or a store is away".into()))
                .with_retry_after(RETRY_AFTER)
        }
        _ if status.is_server_error() => Problem::unexpected(status, text),
        _ => Problem::new(status, general_code(status), detail(reason(status).to_owned())),
    }
}

fn reason(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("request refused")
}

fn general_code(status: StatusCode) -> String {
    reason(status).to_ascii_lowercase().replace([' ', '-'], "_").replace('\'', "")
}

fn log_cause(method: &Method, path: &str, problem: &Problem) {
    let Some(error) = &problem.cause else { return };
    let status = problem.status;
    if status == 500 {
        tracing::error!(%method, path, status, %error, "request failed");
    } else {
        tracing::warn!(%method, path, status, %error, "request refused");
    }
}
