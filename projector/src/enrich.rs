//! Go's `order.created` names its user and products only by id: what the views know of them is filled in.

use std::collections::HashMap;

use esteira_events::{Event, Payload, ProductData, ProductId, UserData, UserId};
use esteira_views::{
    DocId, Document, PRODUCTS, ProductView, USERS, UserView, Views, ViewsError, from_document,
};
use serde::de::DeserializeOwned;

use crate::incoming::Pending;

/// Fills in the facets of new orders that came without them. What the views do not have yet stays empty and follows later:
/// a user by the facet's version, a product by the order's count of missing ones.
pub(crate) async fn enrich(views: &dyn Views, pending: &mut Pending) -> Result<(), ViewsError> {
    let mut bare: Vec<&mut Event> = pending
        .values_mut()
        .flatten()
        .map(|incoming| &mut incoming.event)
        .filter(|event| is_bare(event))
        .collect();
    if bare.is_empty() {
        return Ok(());
    }
    let (mut users, mut products) = (Vec::new(), Vec::new());
    for event in &bare {
        if let Payload::OrderCreated(created) = &event.payload {
            users.push(DocId::Int(created.order.user_id.0));
            products.extend(created.order.items.iter().map(|item| DocId::Int(item.product_id.0)));
        }
    }
    let users = user_facets(views, &users).await?;
    let products = product_facets(views, &products).await?;
    for event in &mut bare {
        if let Payload::OrderCreated(created) = &mut event.payload {
            created.order.user = users.get(&created.order.user_id).cloned();
            for item in &mut created.order.items {
                item.product = products.get(&item.product_id).cloned();
            }
        }
    }
    Ok(())
}

/// Whether `event` is the creation of an order that says only by id what it refers to.
pub(crate) fn is_bare(event: &Event) -> bool {
    matches!(&event.payload, Payload::OrderCreated(created) if created.order.user.is_none())
}

async fn user_facets(views: &dyn Views, ids: &[DocId]) -> Result<HashMap<UserId, UserData>, ViewsError> {
    let mut found = HashMap::new();
    for document in views.get(&USERS, ids).await? {
        let Some(UserView { id, name, email, version, .. }) = readable(document) else { continue };
        found.insert(UserId(id), UserData { id: UserId(id), name, email, version: Some(version) });
    }
    Ok(found)
}

/// What the views know of these products.
pub(crate) async fn product_facets(
    views: &dyn Views,
    ids: &[DocId],
) -> Result<HashMap<ProductId, ProductData>, ViewsError> {
    let mut found = HashMap::new();
    for document in views.get(&PRODUCTS, ids).await? {
        let Some(ProductView { id, name, price, stock, .. }) = readable(document) else { continue };
        found.insert(ProductId(id), ProductData { id: ProductId(id), name, price, stock });
    }
    Ok(found)
}

/// A document that cannot be read must not hold up the others.
pub(crate) fn readable<T: DeserializeOwned>(document: Document) -> Option<T> {
    from_document(document).inspect_err(|error| tracing::error!(%error, "a facet cannot be brought up")).ok()
}
