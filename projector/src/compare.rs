//! What a history gives beside what the view has.

use std::collections::BTreeMap;

use esteira_bus::Outage;
use esteira_views::{DocId, OrderView, USERS, UserFacet, UserView, Views, from_document};

use crate::dead::away;
use crate::gate::Current;
use crate::history::Folded;
use crate::incoming::Key;
use crate::projections::View;
use crate::store;

/// One aggregate's view, as it should be and as it is.
#[derive(Clone, Debug)]
pub(crate) struct Compared {
    pub(crate) key: Key,
    pub(crate) expected: Current,
    pub(crate) live: Current,
    pub(crate) broken: Option<String>,
}

impl Compared {
    /// Whether the view says something else; which unsequenced events it knows of is not shown.
    pub(crate) fn differs(&self) -> bool {
        self.live.version != self.expected.version
            || self.live.deleted != self.expected.deleted
            || shown(self.live.view.as_ref()) != shown(self.expected.view.as_ref())
    }
}

fn shown(view: Option<&View>) -> Option<View> {
    let mut view = view.cloned()?;
    *view.applied() = None;
    view.set_revision(0);
    if let View::Order(order) = &mut view {
        order.user.revision = 0;
    }
    Some(view)
}

/// Loads the views of `folded`. What a history cannot know is taken over from them: the facets that follow somebody else.
pub(crate) async fn compare(views: &dyn Views, folded: Vec<Folded>) -> Result<Vec<Compared>, Outage> {
    let keys: Vec<Key> = folded.iter().map(|folded| folded.key).collect();
    let mut live = store::load(views, &keys).await.map_err(away)?;
    let users = users_of(views, &folded).await?;
    let mut compared = Vec::with_capacity(folded.len());
    for mut folded in folded {
        let live = live.remove(&folded.key).unwrap_or_default();
        folded.go_on_from(&live);
        let Folded { key, current: mut expected, broken, bare, .. } = folded;
        settle(&mut expected, &live, &users, bare);
        compared.push(Compared { key, expected, live, broken });
    }
    Ok(compared)
}

async fn users_of(views: &dyn Views, folded: &[Folded]) -> Result<BTreeMap<i64, UserView>, Outage> {
    let order = |folded: &Folded| match &folded.current.view {
        Some(View::Order(order)) => Some(DocId::Int(order.user_id)),
        _ => None,
    };
    let mut ids: Vec<DocId> = folded.iter().filter_map(order).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut users = BTreeMap::new();
    for document in views.get(&USERS, &ids).await.map_err(away)? {
        let user: UserView = from_document(document).map_err(away)?;
        users.insert(user.id, user);
    }
    Ok(users)
}

fn settle(expected: &mut Current, live: &Current, users: &BTreeMap<i64, UserView>, bare: bool) {
    let Some(view) = &mut expected.view else { return };
    if let Some(live) = live.view.clone().and_then(|mut view| view.applied().take()) {
        let known = view.applied().get_or_insert_default();
        let more: Vec<String> = live.into_iter().filter(|id| !known.contains(id)).collect();
        known.extend(more);
    }
    if let View::Order(order) = view {
        if let Some(user) = users.get(&order.user_id) {
            follow(order, user);
        }
        if let Some(View::Order(live)) = live.view.as_ref().filter(|_| bare) {
            keep_snapshots(order, live);
        }
    }
}

fn follow(order: &mut OrderView, user: &UserView) {
    if (order.user.version, order.user.revision) <= (user.version, user.revision) {
        order.user = UserFacet {
            id: user.id,
            name: user.name.clone(),
            email: user.email.clone(),
            version: user.version,
            revision: user.revision,
        };
    }
}

/// Go's orders have the products that the view had when they came: nothing else remembers them.
fn keep_snapshots(order: &mut OrderView, live: &OrderView) {
    for (item, live) in order.items.iter_mut().zip(&live.items) {
        if item.product_id == live.product_id && !live.product.name.is_empty() {
            item.product = live.product.clone();
        }
    }
    let missing = order.items.iter().filter(|item| item.product.name.is_empty()).count();
    order.incomplete = i64::try_from(missing).ok().filter(|missing| *missing > 0);
}
