//! Orders as they change.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName};
use axum::response::{IntoResponse, Response, Sse};
use esteira_web::Problem;
use utoipa::ToSchema;

use super::OrderFilters;
use crate::list::FilterRequest;
use crate::state::QueryState;

const LAST_EVENT_ID: &str = "Last-Event-ID";
/// What keeps a proxy from collecting events before it passes them on.
const UNBUFFERED: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");
/// A setting is not mended in a second.
const RETRY_AFTER: Duration = Duration::from_mins(1);

/// One server-sent event; a comment has an `id` alone.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only describes the events")]
pub(super) struct LiveEvent {
    /// `ready`, `order`, `removed` or `closing`.
    #[schema(example = "order", pattern = "^(ready|order|removed|closing)$")]
    event: Option<String>,
    /// Where this event stands, for `Last-Event-ID`.
    id: String,
    /// JSON: of `order` the order as the list has it, of `removed` its `id`, its `version`, and whether it is `deleted`.
    #[schema(example = "{\"id\":7,\"version\":4,\"deleted\":false}")]
    data: Option<String>,
    /// Milliseconds to wait before coming back.
    #[schema(minimum = 0, example = 1000)]
    retry: Option<i64>,
}

/// The changes of the orders that match all filters, as server-sent events.
///
/// First `ready`, with the stream's place in its `id`. Then, whenever an order has changed and its view shows it, `order`
/// with the order as the list has it, or `removed` where it is deleted or its status does not match (any more); a client
/// that never had it ignores that. A client is told each change at least once, never an older state of an order after a
/// newer one, and of changes that come fast perhaps only the last state. `closing` ends the stream of a client that reads
/// too slowly.
///
/// Every event has an `id`. A client that sends the last one as `Last-Event-ID`, as browsers do by themselves, misses
/// nothing. To follow a list without a gap, open the stream first and read the list then. That a user is renamed changes
/// their orders' `user` and is no change of an order.
#[utoipa::path(get, path = "/orders/stream", tag = "orders",
    params(OrderFilters, ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event; goes on behind it", pattern = "^[A-Za-z0-9_-]*$")),
    responses(
        (status = 200, body = LiveEvent, content_type = "text/event-stream", description = "The events"),
        (status = 410, body = Problem, content_type = "application/problem+json", description = "The log no longer has what came after `Last-Event-ID`"),
        esteira_web::ReadProblems,
    ))]
pub(super) async fn stream_orders(
    State(state): State<QueryState>,
    request: FilterRequest<OrderFilters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let live = state.live.as_ref().ok_or_else(|| {
        let detail = "this query service has no event log: set KAFKA_BROKERS";
        Problem::unavailable("no_event_log", detail, RETRY_AFTER)
    })?;
    let last = headers.get(LAST_EVENT_ID).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let last = last.filter(|id| !id.is_empty());
    let subscription = live.subscribe(request.filters, last.as_deref()).await?;
    Ok(([UNBUFFERED], Sse::new(subscription.events())).into_response())
}
