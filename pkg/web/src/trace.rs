//! The trace of a request: the client's, or a new one.

use std::convert::Infallible;

use axum::Router;
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Version};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use esteira_telemetry::{Span, SpanKind, TraceContext};

use crate::layers::known;

/// What machines ask every few seconds.
const PROBES: [&str; 4] = ["/healthz", "/livez", "/metrics", "/readyz"];

/// How the requests of a listener are traced.
#[derive(Clone, Copy, Debug)]
struct Tracer {
    role: &'static str,
    begins: bool,
}

/// Wraps a whole router, so that what is logged in a request carries its `trace_id` and each request is a span, under the
/// client's `traceparent` if it is valid. Without one a request begins a trace of its own; probes never do, nor does anything
/// where `begins` is false.
pub fn traced(router: Router, role: &'static str, begins: bool) -> Router {
    router.layer(from_fn_with_state(Tracer { role, begins }, trace))
}

async fn trace(State(tracer): State<Tracer>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map(MatchedPath::as_str);
    let (context, span) = match incoming(request.headers()) {
        Some(parent) => {
            let span = Span::child(parent, SpanKind::Server, tracer.role);
            (span.as_ref().map_or(parent, Span::context), span)
        }
        None if tracer.begins && route.is_none_or(|route| !PROBES.contains(&route)) => {
            let root = TraceContext::root();
            (root, Span::first(root, SpanKind::Server, tracer.role))
        }
        None => (TraceContext::root().unsampled(), None),
    };
    let span = span.map(|span| describe(span, &request, route));
    let response = context.scope(next.run(request)).await;
    if let Some(span) = span {
        end(span, &response);
    }
    response
}

/// OpenTelemetry's conventions for HTTP servers, but for the path and the query: what a client sends there may be anybody's
/// email, and of any length.
fn describe(mut span: Span, request: &Request, route: Option<&str>) -> Span {
    let method = known(request.method());
    span.name(route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}")));
    span.set("http.request.method", method.to_owned());
    if let Some(route) = route {
        span.set("http.route", route.to_owned());
    }
    span.set("url.scheme", "http");
    span.set("network.protocol.version", if request.version() == Version::HTTP_10 { "1.0" } else { "1.1" });
    span
}

fn end(mut span: Span, response: &Response) {
    let status = response.status();
    span.set("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        span.set("error.type", status.as_str().to_owned());
        span.fail(status.canonical_reason().unwrap_or("server error"));
    }
    span.end();
}

/// What `traceparent` says; twice, or invalid, is as none (Trace Context, 3.2.1).
fn incoming(headers: &HeaderMap) -> Option<TraceContext> {
    let mut values = headers.get_all("traceparent").iter();
    let text = values.next()?.to_str().ok()?;
    TraceContext::parse(text).filter(|_| values.next().is_none())
}

/// Where a request stands in its trace: every request belongs to one, also in a router that is not [`traced`].
#[derive(Clone, Copy, Debug)]
pub struct RequestTrace(pub TraceContext);

impl<S: Send + Sync> FromRequestParts<S> for RequestTrace {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let trace = TraceContext::current().or_else(|| incoming(&parts.headers));
        Ok(Self(trace.unwrap_or_else(TraceContext::root)))
    }
}
