//! What the views must show: every event once, in order, by the pure projections.

use std::collections::BTreeMap;

use esteira_events::{AggregateKind, Event};
use esteira_projector::{View, project};
use esteira_views::{
    Collection, Document, ORDERS, OrderView, PRODUCTS, ProductView, TOMBSTONES, USERS, UserView,
    from_document, to_document,
};
use serde_json::{Value, json};

use crate::fixture::Fixture;

/// Documents by collection and id; of tombstones only the version.
pub(crate) type Shown = BTreeMap<(&'static str, String), Value>;

/// What `history`, in order, makes of nothing.
pub(crate) fn expected(history: &[Event]) -> Shown {
    let mut views: BTreeMap<(AggregateKind, i64), View> = BTreeMap::new();
    let mut shown = Shown::new();
    for event in history {
        let key = (event.aggregate(), event.aggregate_id());
        if let Some(mut view) = project(views.remove(&key), event).unwrap() {
            set_version(&mut view, event.sequence().unwrap());
            views.insert(key, view);
        } else {
            let id = format!("{}:{}", key.0, key.1);
            shown.insert((TOMBSTONES.name, id), json!(event.sequence()));
        }
    }
    for ((kind, id), view) in &views {
        let document = match view {
            View::User(view) => to_document(view),
            View::Product(view) => to_document(view),
            View::Order(order) => {
                let mut order = order.clone();
                if let Some(View::User(user)) = views.get(&(AggregateKind::User, order.user_id))
                    && user.version > order.user.version
                {
                    order.user.name.clone_from(&user.name);
                    order.user.email.clone_from(&user.email);
                    order.user.version = user.version;
                }
                to_document(&order)
            }
        };
        shown.insert((collection(*kind), id.to_string()), Value::Object(document.unwrap().body));
    }
    shown
}

/// What the views show.
pub(crate) async fn shown(fixture: &Fixture) -> Shown {
    let mut shown = Shown::new();
    for collection in [&USERS, &PRODUCTS, &ORDERS] {
        for document in fixture.all(collection).await {
            let id = document.id.to_string();
            shown.insert((collection.name, id), Value::Object(as_model(collection, document).body));
        }
    }
    for stone in fixture.all(&TOMBSTONES).await {
        shown.insert((TOMBSTONES.name, stone.id.to_string()), json!(stone.version()));
    }
    shown
}

/// The document with its numbers as the model has them: a server keeps 42 as 42.0.
fn as_model(collection: &Collection, document: Document) -> Document {
    let model = match collection.name {
        name if name == USERS.name => to_document(&from_document::<UserView>(document).unwrap()),
        name if name == PRODUCTS.name => to_document(&from_document::<ProductView>(document).unwrap()),
        _ => to_document(&from_document::<OrderView>(document).unwrap()),
    };
    model.unwrap()
}

/// The version that the views have of an aggregate: its document's or its tombstone's.
pub(crate) fn version(shown: &Shown, event: &Event) -> i64 {
    let (kind, id) = (event.aggregate(), event.aggregate_id());
    let stone = shown.get(&(TOMBSTONES.name, format!("{kind}:{id}"))).and_then(Value::as_i64);
    let document = shown.get(&(collection(kind), id.to_string())).and_then(|body| body["version"].as_i64());
    stone.or(document).unwrap_or(0)
}

fn collection(kind: AggregateKind) -> &'static str {
    match kind {
        AggregateKind::User => USERS.name,
        AggregateKind::Product => PRODUCTS.name,
        AggregateKind::Order => ORDERS.name,
        AggregateKind::Reservation => unreachable!("reservations have no view"),
    }
}

fn set_version(view: &mut View, version: i64) {
    match view {
        View::User(view) => view.version = version,
        View::Product(view) => view.version = version,
        View::Order(view) => view.version = version,
    }
}
