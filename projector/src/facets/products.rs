//! The product facet of an order that overtook its product.
//!
//! Only Go's orders come without the facet. As with users, both paths write first and look at the other side then, and
//! a crash between the two is made good when the records come again. Unlike the user's, a facet that is there is a
//! snapshot and never changes.

use std::collections::{BTreeMap, HashMap};

use esteira_events::{Payload, ProductData, ProductId};
use esteira_views::{
    DocId, Document, Fields, Filter, ORDERS, OrderItemView, OrderView, ProductFacet, Query, Scalar, Sort,
    Views, ViewsError,
};
use serde_json::{Value, json};

use crate::enrich::{product_facets, readable};
use crate::gate::Current;
use crate::incoming::{Key, Pending};
use crate::projections::{View, product_facet};

const PAGE: u32 = 256;

/// Fills in what was missing, after `pending` has been written: in orders of the batch, and in any order where the batch
/// created a product, or found it created.
pub(crate) async fn fill(
    views: &dyn Views,
    pending: &Pending,
    written: &BTreeMap<Key, Current>,
) -> Result<(), ViewsError> {
    let orders = written.values().filter_map(|current| match &current.view {
        Some(View::Order(order)) if order.incomplete.is_some() => Some(order.clone()),
        _ => None,
    });
    complete(views, orders.collect()).await?;
    let created = |payload: &Payload| matches!(payload, Payload::ProductCreated(_));
    if pending.values().flatten().any(|incoming| created(&incoming.event.payload)) {
        complete_all(views).await?;
    }
    Ok(())
}

async fn complete_all(views: &dyn Views) -> Result<(), ViewsError> {
    let mut after = None;
    loop {
        let page = incomplete(views, after.take()).await?;
        let more = page.len() == PAGE as usize;
        after = page.last().filter(|_| more).map(place);
        complete(views, page.into_iter().filter_map(readable).collect()).await?;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// Most missing facets first: their number only falls, so that an order which another worker fills meanwhile is met
/// again on a later page, and not passed by.
async fn incomplete(views: &dyn Views, after: Option<(Scalar, DocId)>) -> Result<Vec<Document>, ViewsError> {
    let any = Filter::Range { path: "incomplete".to_owned(), from: Some(Scalar::Int(1)), to: None };
    let query = Query { filters: vec![any], sort: Sort::descending("incomplete"), after, limit: PAGE };
    views.find(&ORDERS, &query).await
}

fn place(order: &Document) -> (Scalar, DocId) {
    let missing = order.body.get("incomplete").and_then(Value::as_i64).unwrap_or(0);
    (Scalar::Int(missing), order.id.clone())
}

async fn complete(views: &dyn Views, mut orders: Vec<OrderView>) -> Result<(), ViewsError> {
    while !orders.is_empty() {
        let missing = orders.iter().flat_map(|order| &order.items).filter(|item| is_bare(item));
        let missing: Vec<DocId> = missing.map(|item| DocId::Int(item.product_id)).collect();
        let products = product_facets(views, &missing).await?;
        let (ids, updates): (Vec<_>, Vec<_>) =
            orders.iter().filter_map(|order| Some((DocId::Int(order.id), filled(order, &products)?))).unzip();
        if updates.is_empty() || views.update_where(&ORDERS, updates).await? == ids.len() as u64 {
            return Ok(());
        }
        // Another worker has filled one meanwhile, maybe from less.
        orders = views.get(&ORDERS, &ids).await?.into_iter().filter_map(readable).collect();
    }
    Ok(())
}

/// What fills `order` in; none where nothing that it misses is there.
///
/// After the creation nothing else writes these two fields, and each time the count falls: while it is the same, so are the
/// lines. Version and revision count the order's own events and stay.
fn filled(order: &OrderView, products: &HashMap<ProductId, ProductData>) -> Option<(Vec<Filter>, Fields)> {
    let before = order.incomplete?;
    let mut items = order.items.clone();
    let mut missing = 0;
    for item in items.iter_mut().filter(|item| is_bare(item)) {
        match products.get(&ProductId(item.product_id)) {
            Some(product) => item.product = product_facet(product),
            None => missing += 1,
        }
    }
    let set = [("items", json!(items)), ("incomplete", json!((missing > 0).then_some(missing)))];
    let set = set.into_iter().map(|(field, value)| (field.to_owned(), value)).collect();
    let unchanged = vec![Filter::eq("_id", order.id), Filter::eq("incomplete", before)];
    (missing < before).then_some((unchanged, set))
}

fn is_bare(item: &OrderItemView) -> bool {
    item.product == ProductFacet { id: item.product_id, ..ProductFacet::default() }
}
