//! The user facet of an order follows its user; its product facets are [`products`]'.
//!
//! User and order may be written by different workers at the same time, so both paths write first and look at
//! the other side then: one of them sees the other's write. A facet is replaced only by a newer one.

pub(crate) mod products;

use std::collections::BTreeMap;

use esteira_events::AggregateKind;
use esteira_views::{DocId, Fields, Filter, ORDERS, USERS, UserView, Views, ViewsError};
use serde_json::json;

use crate::enrich::readable;
use crate::gate::Current;
use crate::incoming::Key;
use crate::projections::View;

/// Brings facets up after `written`, the aggregates that a batch applied or found applied.
pub(crate) async fn follow(views: &dyn Views, written: &BTreeMap<Key, Current>) -> Result<(), ViewsError> {
    let mut updates: Vec<(Vec<Filter>, Fields)> = written
        .values()
        .filter_map(|current| match &current.view {
            // A new user has no orders yet, unless they overtook it.
            Some(View::User(user)) => Some((Filter::eq("user_id", user.id), user)),
            _ => None,
        })
        .flat_map(|(orders, user)| newer(&orders, user))
        .collect();
    updates.extend(behind(views, written).await?);
    if !updates.is_empty() {
        views.update_where(&ORDERS, updates).await?;
    }
    Ok(())
}

/// Orders of the batch whose user has moved on since their facet was taken.
async fn behind(
    views: &dyn Views,
    written: &BTreeMap<Key, Current>,
) -> Result<Vec<(Vec<Filter>, Fields)>, ViewsError> {
    let orders: Vec<_> = written
        .iter()
        .filter(|((kind, _), _)| *kind == AggregateKind::Order)
        .filter_map(|(_, current)| match &current.view {
            Some(View::Order(order)) => Some(order),
            _ => None,
        })
        .collect();
    let mut ids: Vec<DocId> = orders.iter().map(|order| DocId::Int(order.user_id)).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut users = BTreeMap::new();
    for document in views.get(&USERS, &ids).await? {
        users.extend(readable(document).map(|user: UserView| (user.id, user)));
    }
    Ok(orders
        .into_iter()
        .filter_map(|order| Some((order, users.get(&order.user_id)?)))
        .filter(|(order, user)| (order.user.version, order.user.revision) < (user.version, user.revision))
        .flat_map(|(order, user)| newer(&Filter::eq("_id", order.id), user))
        .collect())
}

/// Replaces facets of a lower version and, where the user has unsequenced events, of the same version without them.
fn newer(orders: &Filter, user: &UserView) -> Vec<(Vec<Filter>, Fields)> {
    let revision = (user.revision > 0).then_some(user.revision);
    let set = [
        ("user.name", json!(user.name)),
        ("user.email", json!(user.email)),
        ("user.version", json!(user.version)),
        ("user.revision", json!(revision)),
    ];
    let set: Fields = set.into_iter().map(|(path, value)| (path.to_owned(), value)).collect();
    let mut older = vec![vec![Filter::less_than("user.version", user.version)]];
    if let Some(revision) = revision {
        let same = Filter::eq("user.version", user.version);
        older.push(vec![same.clone(), Filter::Missing("user.revision".to_owned())]);
        older.push(vec![same, Filter::less_than("user.revision", revision)]);
    }
    let update = |older: Vec<Filter>| (std::iter::once(orders.clone()).chain(older).collect(), set.clone());
    older.into_iter().map(update).collect()
}
