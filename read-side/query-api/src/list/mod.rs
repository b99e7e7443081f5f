//! What the lists have in common: parameters, cursors, pages, totals.

mod amounts;
mod cursor;
mod params;
mod request;

use esteira_views::{Collection, Document, Query};
use esteira_web::Problem;
use serde::de::DeserializeOwned;

use crate::failure::store_problem;
use crate::state::QueryState;

pub(crate) use amounts::amounts;
pub(crate) use params::Params;
pub(crate) use request::{FilterRequest, Filters, ListRequest, PageParams, SortKind, Sortable};

/// Totals are exact up to here.
const EXACT_TOTAL: u64 = 10_000;

/// A page of a list.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) total: u64,
    /// Present, and then true, when there are more than `total`.
    pub(crate) total_is_lower_bound: Option<bool>,
    /// Absent on the last page.
    pub(crate) next_cursor: Option<String>,
}

/// Reads the page that was asked for.
pub(crate) async fn page<T: DeserializeOwned, F: Filters>(
    state: &QueryState,
    collection: &Collection,
    request: &ListRequest<F>,
) -> Result<Page<T>, Problem> {
    let limit = request.limit as usize;
    let query = request.query();
    let mut documents = state.views.find(collection, &query).await.map_err(store_problem)?;
    // One more than the page was asked for, to know whether there is another page.
    let more = documents.len() > limit;
    documents.truncate(limit);
    let next_cursor = documents.last().filter(|_| more).map(|last| request.cursor_after(last));
    let whole = query.after.is_none() && !more;
    let total = if whole { documents.len() as u64 } else { count(state, collection, &query).await? };
    Ok(Page {
        items: documents.into_iter().filter_map(|document| readable(collection, document)).collect(),
        total: total.min(EXACT_TOTAL),
        total_is_lower_bound: (total > EXACT_TOTAL).then_some(true),
        next_cursor,
    })
}

async fn count(state: &QueryState, collection: &Collection, query: &Query) -> Result<u64, Problem> {
    state.views.count(collection, &query.filters, EXACT_TOTAL + 1).await.map_err(store_problem)
}

/// One document that somebody spoiled does not take the list down.
fn readable<T: DeserializeOwned>(collection: &Collection, document: Document) -> Option<T> {
    let id = document.id.clone();
    esteira_views::from_document(document)
        .inspect_err(
            |error| tracing::error!(collection = collection.name, %id, %error, "a view is unreadable"),
        )
        .ok()
}
