//! What a history gives beside what the view has.

use std::collections::{BTreeMap, HashSet};

use esteira_bus::Outage;
use esteira_events::{AggregateKind, OrderStatus};
use esteira_sql::Db;
use esteira_views::{DocId, OrderView, USERS, UserFacet, UserView, Views};

use crate::dead::away;
use crate::enrich::readable;
use crate::gate::Current;
use crate::history::{Folded, store_away};
use crate::incoming::Key;
use crate::projections::View;
use crate::state::stocks;
use crate::store::{self, Unreadable};

/// One aggregate's view, as it should be and as it is.
#[derive(Clone, Debug)]
pub(crate) struct Compared {
    pub(crate) key: Key,
    pub(crate) expected: Current,
    pub(crate) live: Current,
    /// Why the document cannot be read; it counts as absent.
    pub(crate) unreadable: Option<Unreadable>,
    pub(crate) broken: Option<String>,
    /// Whether the view has events of Go that the outbox does not tell, perhaps not yet: nothing may take them back.
    pub(crate) untold: bool,
}

impl Compared {
    /// Whether the view has something that the history has not, perhaps not yet.
    pub(crate) fn is_ahead(&self) -> bool {
        self.live.version > self.expected.version || self.untold
    }

    /// Whether the view says something else; which unsequenced events it knows of is not shown.
    pub(crate) fn differs(&self) -> bool {
        self.unreadable.is_some()
            || self.live.version != self.expected.version
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
pub(crate) async fn compare(
    store: &Db,
    views: &dyn Views,
    folded: Vec<Folded>,
) -> Result<Vec<Compared>, Outage> {
    let keys: Vec<Key> = folded.iter().map(|folded| folded.key).collect();
    let mut live = store::load_each(views, &keys).await.map_err(away)?;
    let headless = folded.iter().flat_map(|folded| &folded.headless);
    let mut kept = store::kept(views, headless).await.map_err(away)?;
    let users = users_of(views, &folded).await?;
    let products = keys.iter().filter(|(kind, _)| *kind == AggregateKind::Product).map(|(_, id)| *id);
    let stocks = stocks(store, &products.collect::<Vec<_>>()).await.map_err(store_away)?;
    let mut compared = Vec::with_capacity(folded.len());
    for mut folded in folded {
        let (live, unreadable) = match live.remove(&folded.key) {
            Some(Ok(live)) => (live, None),
            Some(Err(unreadable)) => (Current::default(), Some(unreadable)),
            None => (Current::default(), None),
        };
        folded.go_on_from(&live, kept.remove(&folded.key).unwrap_or_default());
        let Folded { key, current: mut expected, broken, bare, .. } = folded;
        let untold = fill_in(&mut expected, &live, &users, bare);
        take_stock(&mut expected, stocks.get(&key.1));
        compared.push(Compared { key, expected, live, unreadable, broken, untold });
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
        users.extend(readable(document).map(|user: UserView| (user.id, user)));
    }
    Ok(users)
}

/// Fills in what only the view remembers; whether it has unsequenced events that the history has not.
fn fill_in(expected: &mut Current, live: &Current, users: &BTreeMap<i64, UserView>, bare: bool) -> bool {
    let applied = live.view.clone().and_then(|mut view| view.applied().take()).unwrap_or_default();
    let Some(view) = &mut expected.view else { return false };
    let known: HashSet<&String> = view.applied().iter().flatten().chain(&expected.surplus).collect();
    let untold = applied.iter().any(|id| !known.contains(id));
    if let View::Order(order) = view {
        if let Some(user) = users.get(&order.user_id) {
            follow(order, user);
        }
        if let Some(View::Order(shown)) = &live.view {
            if bare {
                keep_snapshots(order, shown);
            }
            if live.version == 0 && OrderStatus::parse(&shown.status) > OrderStatus::parse(&order.status) {
                // Go's product side cancels past the outbox.
                order.status.clone_from(&shown.status);
            }
        }
    }
    untold
}

/// Go's product service moves stock past the outbox, so that only the table knows what is left.
fn take_stock(expected: &mut Current, row: Option<&(i64, i64)>) {
    if let (Some(View::Product(product)), Some((version, stock))) = (&mut expected.view, row)
        && *version == expected.version
    {
        product.stock = *stock;
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
