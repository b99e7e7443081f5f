//! `GET /…/{id}/events`: an aggregate's history, a page at a time.

use esteira_events::AggregateKind;
use esteira_outbox::history;
use esteira_sql::{Db, Timestamp};
use esteira_web::{ListPage, Problem};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::read;

/// One event of an aggregate.
#[derive(Debug, Serialize, ToSchema)]
pub struct HistoryItem {
    /// 1, 2, 3… of this aggregate.
    pub sequence: i64,
    /// The event type, which is its topic.
    #[schema(example = "user.created")]
    pub event_type: String,
    pub event_id: String,
    pub occurred_at: Timestamp,
    /// When it was published; absent while it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published_at: Option<Timestamp>,
    /// Where it was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<i64>,
    /// The record's value.
    #[schema(value_type = Object)]
    pub value: Box<RawValue>,
}

/// A page of a history.
#[derive(Debug, Serialize, ToSchema)]
pub struct HistoryPage {
    pub data: Vec<HistoryItem>,
    /// Pass as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_after: Option<i64>,
}

/// A page of the history of one aggregate. `page.after` is a sequence. An aggregate without any event → 404.
pub async fn history_page(
    db: &Db,
    kind: AggregateKind,
    id: i64,
    page: ListPage,
) -> Result<HistoryPage, Problem> {
    let rows = read(db, async |conn| history(conn, kind, id, page.after, page.limit + 1).await).await?;
    if rows.is_empty() && page.after == 0 {
        return Err(Problem::not_found("no_events", format!("there is no event of {kind} {id}")));
    }
    let mut data: Vec<HistoryItem> = rows.into_iter().map(item).collect();
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let more = data.len() > limit;
    data.truncate(limit);
    let next_after = data.last().filter(|_| more).map(|last| last.sequence);
    Ok(HistoryPage { data, next_after })
}

fn item(row: esteira_outbox::HistoryEntry) -> HistoryItem {
    HistoryItem {
        sequence: row.sequence,
        event_type: row.event_type,
        event_id: row.event_id,
        occurred_at: row.occurred_at,
        published_at: row.published_at,
        partition: row.partition,
        offset: row.offset,
        value: row.value.0,
    }
}
