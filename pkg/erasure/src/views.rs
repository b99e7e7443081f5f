//! The views: the user's document, and the user facet of its orders.

use esteira_events::{UserData, UserId};
use esteira_views::{
    Collection, DocId, Document, Fields, Filter, ORDERS, Query, Scalar, Sort, USERS, Views, ViewsError,
};
use serde_json::{Value, json};

use crate::people::People;

const PAGE: u32 = 500;

/// Takes them out of the views; how many documents had something of theirs.
pub(crate) async fn erase(views: &dyn Views, people: &People, dry: bool) -> Result<u64, ViewsError> {
    let mut erased = 0;
    for id in people.ids() {
        let users = views.get(&USERS, &[DocId::Int(id)]).await?;
        if users.iter().any(|user| shows(Some(&Value::Object(user.body.clone())), id)) {
            erased += 1;
            put(views, &USERS, Filter::eq("_id", id), "", id, dry).await?;
        }
        let orders = showing(views, id).await?;
        if orders > 0 {
            erased += orders;
            put(views, &ORDERS, Filter::eq("user_id", id), "user.", id, dry).await?;
        }
    }
    Ok(erased)
}

/// Only the two fields: whatever else is written meanwhile stays, and so does the version.
async fn put(
    views: &dyn Views,
    collection: &Collection,
    of: Filter,
    prefix: &str,
    id: i64,
    dry: bool,
) -> Result<(), ViewsError> {
    let set: Fields = [
        (format!("{prefix}name"), json!(UserData::ERASED_NAME)),
        (format!("{prefix}email"), json!(UserData::erased_email(UserId(id)))),
    ]
    .into_iter()
    .collect();
    if !dry {
        views.update_where(collection, vec![(vec![of], set)]).await?;
    }
    Ok(())
}

/// How many orders show them.
async fn showing(views: &dyn Views, id: i64) -> Result<u64, ViewsError> {
    let (mut after, mut showing) = (None, 0);
    loop {
        let filters = vec![Filter::eq("user_id", id)];
        let query = Query { filters, sort: Sort::ascending("_id"), after: after.take(), limit: PAGE };
        let page = views.find(&ORDERS, &query).await?;
        let Some(last) = page.last() else { return Ok(showing) };
        after = Some((Scalar::Null, last.id.clone()));
        let of_them = |order: &&Document| shows(order.body.get("user"), id);
        showing += page.iter().filter(of_them).count() as u64;
    }
}

/// Whether a name or an email that was not erased stands there.
fn shows(user: Option<&Value>, id: i64) -> bool {
    let says = |field: &str, erased: &str| {
        let text = user.and_then(|user| user.get(field)).and_then(Value::as_str).unwrap_or_default();
        !text.is_empty() && text != erased
    };
    says("name", UserData::ERASED_NAME) || says("email", &UserData::erased_email(UserId(id)))
}
