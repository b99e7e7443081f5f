//! An order's whole journey: its events, where each was published, and what waits.

use esteira_events::{AggregateKind, EventType, Topics};
use esteira_outbox::{OutboxRow, history_of, unsequenced};
use esteira_sql::{Db, Timestamp};
use esteira_views::{
    DocId, Document, Filter, ORDERS, OrderView, PARKED, Query, Sort, TOMBSTONES, Tombstone, Views,
    ViewsError, from_document, tombstone_id,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The most events of one order that are told; an order has about ten.
const MOST: u32 = 500;

/// What happened to an order, and how far it has come.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Journey {
    pub order_id: i64,
    /// As the view shows it; absent where there is none.
    pub status: Option<String>,
    /// The last sequence that the view has.
    pub version: i64,
    /// Of the order and of its reservation, in the order in which they occurred.
    pub events: Vec<Step>,
    /// What waits before it can be applied.
    pub waiting: Vec<Waiting>,
}

/// One event.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Step {
    /// `order` or `reservation`.
    pub aggregate: String,
    /// Absent in events of the Go services.
    pub sequence: Option<i64>,
    pub event_type: String,
    pub event_id: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub occurred_at: Timestamp,
    pub state: StepState,
    /// When it was marked as published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub published_at: Option<Timestamp>,
    /// Where it was published, where our dispatcher did that.
    pub topic: String,
    pub partition: Option<i32>,
    pub offset: Option<i64>,
    /// W3C trace context of the command that caused it.
    pub traceparent: Option<String>,
    /// How often the log has refused it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refused: i32,
}

/// How far an event has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// In the outbox: the dispatcher has not published it.
    Stored,
    /// In its topic: the view does not have it yet.
    Published,
    /// The view has it.
    Applied,
}

/// A parked event.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Waiting {
    pub sequence: Option<i64>,
    /// `waiting` for its predecessor, `retry` for its next attempt, or `dead`.
    pub state: String,
    pub attempts: i64,
    pub error: Option<String>,
    pub next_attempt_at: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
fn is_zero(number: &i32) -> bool {
    *number == 0
}

/// Why a journey cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum JourneyError {
    #[error("the write store is away")]
    Store(#[from] sqlx::Error),
    #[error(transparent)]
    Views(#[from] ViewsError),
}

/// The journey of order `id`; none where nobody knows of it.
pub async fn journey(
    store: &Db,
    views: &dyn Views,
    topics: &Topics,
    id: i64,
) -> Result<Option<Journey>, JourneyError> {
    let view = views.get(&ORDERS, &[DocId::Int(id)]).await?.pop();
    let mut view = view.map(from_document::<OrderView>).transpose()?;
    let applied = view.as_mut().and_then(|view| view.applied.take()).unwrap_or_default();
    let version = match &view {
        Some(view) => view.version,
        None => buried(views, id).await?,
    };
    let mut events = Vec::new();
    for kind in [AggregateKind::Order, AggregateKind::Reservation] {
        for row in rows(store, kind, id).await? {
            events.push(step(row, kind, topics, version, &applied));
        }
    }
    events.sort_by_key(|step| step.occurred_at);
    if view.is_none() && events.is_empty() {
        return Ok(None);
    }
    let waiting = parked(views, id).await?;
    Ok(Some(Journey { order_id: id, status: view.map(|view| view.status), version, events, waiting }))
}

async fn rows(store: &Db, kind: AggregateKind, id: i64) -> Result<Vec<OutboxRow>, sqlx::Error> {
    let mut reader = store.read().await?;
    let mut rows = history_of(&mut reader.conn(), kind, (id, 0), MOST).await?;
    rows.extend(unsequenced(&mut reader.conn(), kind, &[id]).await?);
    Ok(rows)
}

fn step(row: OutboxRow, kind: AggregateKind, topics: &Topics, version: i64, applied: &[String]) -> Step {
    let shown = match row.sequence {
        Some(sequence) => sequence <= version,
        None => row.event_id.as_ref().is_some_and(|id| applied.contains(id)),
    };
    // A reservation has no view of its own: its effect on the order is an event of the order.
    let state = match (row.published, shown && kind == AggregateKind::Order) {
        (_, true) => StepState::Applied,
        (true, false) => StepState::Published,
        (false, false) => StepState::Stored,
    };
    let event_type: Option<EventType> = row.event_type.parse().ok();
    Step {
        aggregate: kind.to_string(),
        sequence: row.sequence,
        topic: event_type.map_or_else(|| row.event_type.clone(), |event| topics.name(event)),
        event_type: row.event_type,
        event_id: row.event_id,
        occurred_at: row.created_at,
        state,
        published_at: row.published_at,
        partition: row.partition,
        offset: row.offset,
        traceparent: row.traceparent,
        refused: row.attempts,
    }
}

async fn buried(views: &dyn Views, id: i64) -> Result<i64, ViewsError> {
    let stone = views.get(&TOMBSTONES, &[tombstone_id(AggregateKind::Order.as_str(), id)]).await?.pop();
    Ok(stone.map(from_document::<Tombstone>).transpose()?.map_or(0, |stone| stone.version))
}

async fn parked(views: &dyn Views, id: i64) -> Result<Vec<Waiting>, ViewsError> {
    let filters =
        vec![Filter::eq("aggregate", AggregateKind::Order.as_str()), Filter::eq("aggregate_id", id)];
    let query = Query { filters, sort: Sort::ascending("sequence"), after: None, limit: MOST };
    Ok(views.find(&PARKED, &query).await?.iter().map(waiting).collect())
}

fn waiting(document: &Document) -> Waiting {
    let text = |field: &str| document.body.get(field)?.as_str().map(str::to_owned);
    let number = |field: &str| document.body.get(field)?.as_i64();
    Waiting {
        sequence: number("sequence"),
        state: text("state").unwrap_or_default(),
        attempts: number("attempts").unwrap_or(0),
        error: text("error"),
        next_attempt_at: text("next_attempt_at"),
    }
}
