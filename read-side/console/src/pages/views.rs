//! Collections, their documents, and a document beside its history.

use axum::extract::{Path, Query as Asked};
use esteira_events::AggregateKind;
use esteira_outbox::{OutboxRow, history_of, unsequenced};
use esteira_query_api::JourneyError;
use esteira_views::{
    ALL_COLLECTIONS, Collection, DocId, Document, Filter, ORDERS, PARKED, PRODUCTS, Query, Scalar, Sort,
    USERS, ViewsError,
};
use esteira_web::Problem;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use super::{By, On};
use crate::failure::{of_journey, of_store};
use crate::sampler::COUNTED;
use crate::show::{Beginning, LINE_BYTES};
use crate::{Desk, layout, show};

const PAGE: u32 = 25;
/// Events of a history that are shown.
const EVENTS: u32 = 200;
/// States of a parked event.
const STATES: [&str; 4] = ["waiting", "retry", "dead", "discarded"];
/// Letters of a field in the list.
const LETTERS: usize = 48;

fn of_views(error: ViewsError) -> Problem {
    of_journey(JourneyError::Views(error))
}

pub(super) async fn list(on: On, by: By) -> Result<Markup, Problem> {
    let mut counts = Vec::new();
    for collection in ALL_COLLECTIONS {
        let count = on.0.views().count(collection, &[], COUNTED.into()).await.map_err(of_views)?;
        counts.push((collection.name, count.cast_signed()));
    }
    let described = on.0.views().describe().await.map_err(of_views)?;
    Ok(layout::page(
        &by.0,
        "/views",
        "Views",
        &html! {
            p.quiet { (described.engine) " " (described.version) " at " (described.address) }
            div.scroll {
                table.compact {
                    thead { tr { th scope="col" { "Collection" } th.number scope="col" { "Documents" } th scope="col" { "What" } } }
                    tbody {
                        @for (name, count) in counts {
                            tr {
                                th scope="row" { a href={ "/views/" (name) } { (name) } }
                                td.number { (show::count(count, COUNTED)) }
                                td.text { (about(name)) }
                            }
                        }
                    }
                }
            }
        },
    ))
}

fn about(collection: &str) -> &'static str {
    match collection {
        "views.users" => "users as the query API shows them",
        "views.products" => "products, with their stock",
        "views.orders" => "orders, with their user and products",
        "views.tombstones" => "what was deleted",
        "views.parked" => "events that wait: for the one before, for an attempt, for an operator",
        "views.applied" => "events without a sequence that are in their view",
        "views.takeovers" => "views that were taken over from a Go projector",
        "processed_events" => "what a Go projector has handled",
        _ => "",
    }
}

fn known(name: &str) -> Result<&'static Collection, Problem> {
    let found = ALL_COLLECTIONS.iter().find(|collection| collection.name == name);
    found
        .copied()
        .ok_or_else(|| Problem::not_found("no_such_collection", format!("there is no collection {name}")))
}

/// What a collection's documents are views of, if they are.
fn kind(collection: &str) -> Option<AggregateKind> {
    match collection {
        name if name == USERS.name => Some(AggregateKind::User),
        name if name == PRODUCTS.name => Some(AggregateKind::Product),
        name if name == ORDERS.name => Some(AggregateKind::Order),
        _ => None,
    }
}

/// Where an aggregate is shown.
pub(super) fn link(kind: AggregateKind, id: i64) -> Markup {
    let page = match kind {
        AggregateKind::User => format!("/views/{}/{id}", USERS.name),
        AggregateKind::Product => format!("/views/{}/{id}", PRODUCTS.name),
        AggregateKind::Order | AggregateKind::Reservation => format!("/orders/{id}"),
    };
    html! { a href=(page) { (kind) " " (id) } }
}

fn doc_id(collection: &str, text: &str) -> DocId {
    match (kind(collection), text.parse()) {
        (Some(_), Ok(id)) => DocId::Int(id),
        (Some(_) | None, _) => DocId::Text(text.to_owned()),
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    /// The last document of the page before.
    after: String,
    /// The document to go to.
    id: String,
    /// Of parked events, what they wait for.
    state: String,
}

pub(super) async fn collection(
    on: On,
    by: By,
    Path(name): Path<String>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Markup, Problem> {
    let collection = known(&name)?;
    let documents = match wanted.id.trim() {
        "" => page(&on.0, collection, &wanted).await?,
        id => on.0.views().get(collection, &[doc_id(&name, id)]).await.map_err(of_views)?,
    };
    let link = |after: &str| {
        let fields = [("state", wanted.state.as_str()), ("after", after)];
        let given = fields.iter().filter(|(_, value)| !value.is_empty()).collect::<Vec<_>>();
        format!("/views/{name}?{}", serde_urlencoded::to_string(given).unwrap_or_default())
    };
    let last = documents.last().filter(|_| documents.len() == PAGE as usize);
    let older = last.map(|last| link(&last.id.to_string()));
    let newer = (!wanted.after.is_empty()).then(|| link(""));
    Ok(layout::page(
        &by.0,
        "/views",
        &name,
        &html! {
            p.quiet { (about(&name)) }
            (filter_form(&name, &wanted))
            @if documents.is_empty() { p.quiet { "No documents." } } @else { (table(collection, &documents)) }
            (layout::pager(newer.as_deref(), older.as_deref()))
        },
    ))
}

fn filter_form(collection: &str, wanted: &Wanted) -> Markup {
    html! {
        form.filter action={ "/views/" (collection) } role="search" {
            @if collection == PARKED.name {
                label for="state" { "State" }
                select id="state" name="state" data-submit {
                    option value="" { "any" }
                    @for state in STATES { option value=(state) selected[wanted.state == state] { (state) } }
                }
            }
            label for="id" { "Id" }
            input id="id" name="id" value=(wanted.id) autocomplete="off";
            button { "Find" }
            @if !wanted.id.is_empty() || !wanted.state.is_empty() {
                a href={ "/views/" (collection) } { "Clear" }
            }
        }
    }
}

/// Highest ids first.
async fn page(desk: &Desk, collection: &Collection, wanted: &Wanted) -> Result<Vec<Document>, Problem> {
    let after = Some(wanted.after.as_str()).filter(|after| !after.is_empty());
    let after = after.map(|id| (Scalar::Null, doc_id(collection.name, id)));
    let filters = match wanted.state.as_str() {
        "" => Vec::new(),
        state => vec![Filter::eq("state", state)],
    };
    let query = Query { filters, sort: Sort::descending("_id"), after, limit: PAGE };
    desk.views().find(collection, &query).await.map_err(of_views)
}

/// What the list shows of each document, but for its id.
fn columns(collection: &str) -> &'static [&'static str] {
    match collection {
        "views.users" => &["name", "email", "version"],
        "views.products" => &["name", "price", "stock", "version"],
        "views.orders" => &["status", "total_amount", "user_id", "reservation", "created_at", "version"],
        "views.tombstones" => &["version", "deleted_at"],
        "views.parked" => &["state", "group", "parked_at", "attempts", "next_attempt_at", "error"],
        _ => &[],
    }
}

fn table(collection: &Collection, documents: &[Document]) -> Markup {
    let columns = columns(collection.name);
    let is_number =
        |column: &str| documents.iter().any(|it| it.body.get(column).is_some_and(Value::is_number));
    html! {
        div.scroll {
            table {
                thead {
                    tr {
                        th scope="col" { "Id" }
                        @for column in columns { th.number[is_number(column)] scope="col" { (column.replace('_', " ")) } }
                    }
                }
                tbody {
                    @for document in documents {
                        tr {
                            th scope="row" { a href={ "/views/" (collection.name) "/" (encoded(&document.id.to_string())) } { (document.id) } }
                            @for column in columns {
                                @let value = document.body.get(*column).unwrap_or(&Value::Null);
                                td.number[is_number(column)] { (cell(collection, column, value)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn cell(collection: &Collection, column: &str, value: &Value) -> Markup {
    let is_date = collection.dates.contains(&column);
    let date = value.as_str().filter(|_| is_date).and_then(|text| text.parse().ok());
    let money = value.as_f64().filter(|_| collection.doubles.contains(&column));
    match (date, money) {
        (Some(at), _) => show::time(at),
        (None, Some(amount)) => html! { (format!("{amount:.2}")) },
        (None, None) => html! { (brief(value)) },
    }
}

/// A segment of a path.
fn encoded(text: &str) -> String {
    let query = serde_urlencoded::to_string([("", text)]).unwrap_or_default();
    query.trim_start_matches('=').replace('+', "%20")
}

fn brief(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => other.to_string(),
    };
    if text.chars().count() <= LETTERS {
        return text;
    }
    text.chars().take(LETTERS - 1).chain(['…']).collect()
}

pub(super) async fn document(
    on: On,
    by: By,
    Path((name, id)): Path<(String, String)>,
) -> Result<Markup, Problem> {
    let desk = &on.0;
    let collection = known(&name)?;
    let doc_id = doc_id(&name, &id);
    let document = desk.views().get(collection, std::slice::from_ref(&doc_id)).await.map_err(of_views)?.pop();
    let of = kind(&name).and_then(|kind| match doc_id {
        DocId::Int(id) => Some((kind, id)),
        DocId::Text(_) => None,
    });
    let events = match of {
        Some((kind, id)) => history(desk, kind, id).await.map_err(of_store)?,
        None => Vec::new(),
    };
    if document.is_none() && events.is_empty() {
        return Err(Problem::not_found("no_such_document", format!("there is no document {id} in {name}")));
    }
    let version = document.as_ref().map_or(0, Document::version);
    Ok(layout::page(
        &by.0,
        "/views",
        &format!("{name} {id}"),
        &html! {
            @if let Some((AggregateKind::Order, id)) = of { p { a href={ "/orders/" (id) } { "Its journey" } } }
            div.beside {
                section aria-labelledby="document" {
                    h2 id="document" { "Document" }
                    @match &document {
                        Some(document) => (show::document(&Value::Object(document.body.clone()))),
                        None => p.quiet { "There is none: it was deleted, or is still on its way." },
                    }
                }
                @if of.is_some() {
                    section aria-labelledby="history" {
                        h2 id="history" { "History" }
                        (timeline(desk, &events, version))
                    }
                }
            }
        },
    ))
}

async fn history(desk: &Desk, kind: AggregateKind, id: i64) -> Result<Vec<OutboxRow>, sqlx::Error> {
    let mut reader = desk.db().read().await?;
    let mut rows = history_of(&mut reader.conn(), kind, (id, 0), EVENTS).await?;
    rows.extend(unsequenced(&mut reader.conn(), kind, &[id]).await?);
    rows.sort_by_key(|row| row.created_at);
    Ok(rows)
}

fn timeline(desk: &Desk, events: &[OutboxRow], version: i64) -> Markup {
    html! {
        @if events.is_empty() { p.quiet { "The outbox has no event of it." } }
        ol.timeline aria-label="Events" {
            @for row in events {
                @let shown = row.sequence.is_some_and(|sequence| sequence <= version);
                @let topic = row.event_type.parse().map_or_else(|_| row.event_type.clone(), |event| desk.topics().name(event));
                li class={ @if shown { "applied" } @else if row.published { "published" } @else { "stored" } } {
                    h3 { (row.event_type) @if let Some(sequence) = row.sequence { " " span.quiet { (sequence) } } }
                    p {
                        (show::time(row.created_at.to_utc()))
                        @match (row.partition, row.offset) {
                            (Some(partition), Some(offset)) => { ", in " a href={ "/topics/" (topic) "/" (partition) "/" (offset) } { (topic) " " (partition) "/" (offset) } }
                            _ if row.published => ", published",
                            _ => ", waits for the dispatcher",
                        }
                    }
                    details { summary { "Value" } (show::value(Some(&Beginning::of(row.value(), LINE_BYTES)))) }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_any_text_is_one_segment_of_a_path() {
        assert_eq!(encoded("order:12 a/b?c#d"), "order%3A12%20a%2Fb%3Fc%23d");
    }

    #[test]
    fn a_long_field_is_cut_between_letters() {
        assert_eq!(brief(&Value::from("é".repeat(100))).chars().count(), LETTERS);
        assert_eq!(brief(&serde_json::json!([1, 2])), "[1,2]");
    }
}
