//! Views rebuilt from the outbox, beside readers and writers.
//!
//! The outbox is always ahead of the views, so no second set of documents is needed: each document is replaced by what
//! its aggregate's history gives, guarded by what it was, and never by an older version. Readers see no gap and nothing
//! that goes back.

use std::collections::HashSet;

use esteira_bus::Outage;
use esteira_events::AggregateKind;
use esteira_outbox::{count, name_rows_of_go, with_history};
use esteira_sql::{Db, bulk, on};
use esteira_views::{Collection, DocId, Document, Filter, PARKED, Query, Scalar, Sort, Views, Write};
use serde::{Deserialize, Serialize};
use sqlx::QueryBuilder;

use crate::compare::{Compared, compare};
use crate::dead::away;
use crate::facets;
use crate::gate::Current;
use crate::history::{Folded, Histories, prepare, store_away};
use crate::incoming::Key;
use crate::parked::forget;
use crate::projections::collection;
use crate::projector::Projector;
use crate::store::{self, Change};

/// Documents looked at in one go.
const PAGE: u32 = 1_000;
/// How often a document that changes meanwhile is looked at again.
const TRIES: usize = 20;

/// What becomes of documents that have neither a history nor a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Orphans {
    Remove,
    /// They may be of a service that tells nothing of them but what the log had.
    Keep,
}

/// How far a rebuild is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Rebuilt {
    /// Events to read in all, as far as is known.
    pub total: u64,
    pub events: u64,
    /// Documents that were not what their history gives.
    pub replaced: u64,
    /// Documents without a history and a row, or of what was deleted.
    pub removed: u64,
    /// Histories that cannot be followed to their end; their documents are left as they are.
    pub broken: Vec<String>,
}

impl Projector {
    /// Rebuilds the views of `kinds`, users before orders. It may be interrupted and started again at any time.
    pub async fn rebuild(
        &self,
        store: &Db,
        kinds: &[AggregateKind],
        each: impl FnMut(&Rebuilt) + Send,
    ) -> Result<Rebuilt, Outage> {
        self.rebuild_and(Orphans::Remove, store, kinds, each).await
    }

    pub(crate) async fn rebuild_and(
        &self,
        orphans: Orphans,
        store: &Db,
        kinds: &[AggregateKind],
        mut each: impl FnMut(&Rebuilt) + Send,
    ) -> Result<Rebuilt, Outage> {
        let shown = |kind: &AggregateKind| kinds.contains(kind) && collection(*kind).is_some();
        let kinds: Vec<AggregateKind> = AggregateKind::ALL.into_iter().filter(shown).collect();
        let total = prepare(store, &kinds).await.map_err(store_away)?;
        let mut rebuilt = Rebuilt { total, ..Rebuilt::default() };
        for kind in kinds {
            let mut histories = Histories::new(store, self.views.as_ref(), kind);
            while let Some((folded, read)) = histories.next().await? {
                rebuilt.events += read as u64;
                self.replace(store, folded, &mut rebuilt).await?;
                each(&rebuilt);
            }
            rebuilt.removed += self.remove_orphans(orphans, store, kind).await?;
            self.forget_what_is_shown(kind).await?;
        }
        Ok(rebuilt)
    }

    pub(crate) async fn replace(
        &self,
        store: &Db,
        folded: Vec<Folded>,
        rebuilt: &mut Rebuilt,
    ) -> Result<(), Outage> {
        let mut left = folded;
        for _ in 0..TRIES {
            if left.is_empty() {
                return Ok(());
            }
            let compared = compare(store, self.views.as_ref(), left).await?;
            let (ahead, rest): (Vec<Compared>, Vec<Compared>) =
                compared.into_iter().partition(|it| it.broken.is_none() && it.is_ahead());
            for Compared { key: (kind, id), broken, .. } in &rest {
                rebuilt.broken.extend(broken.as_ref().map(|reason| format!("{kind} {id}: {reason}")));
            }
            let changed: Vec<&Compared> =
                rest.iter().filter(|it| it.broken.is_none() && it.differs() && !it.live.deleted).collect();
            let mut again: Vec<Key> = ahead.iter().map(|it| it.key).collect();
            let stale = self.swap(&changed).await?;
            rebuilt.replaced += (changed.len() - stale.len()) as u64;
            again.extend(stale);
            if !ahead.is_empty() {
                // Go may have written meanwhile.
                name_rows_of_go(store).await.map_err(store_away)?;
            }
            left = self.read_again(store, &again).await?;
        }
        let behind = left
            .iter()
            .map(|Folded { key: (kind, id), .. }| format!("{kind} {id}: its view has more than its history"));
        rebuilt.broken.extend(behind);
        Ok(())
    }

    /// Writes what is expected where the view still is what it was; the keys of those where it is not.
    async fn swap(&self, compared: &[&Compared]) -> Result<Vec<Key>, Outage> {
        let unreadable: Vec<Write> = compared.iter().filter_map(|it| delete_unreadable(it)).collect();
        if !unreadable.is_empty() {
            self.views.write(unreadable).await.map_err(away)?;
        }
        // Facets before and after: an end in between must not leave them behind a user that is as it should be by now.
        let expected = compared.iter().map(|it| (it.key, it.expected.clone())).collect();
        facets::follow(self.views.as_ref(), &expected).await.map_err(away)?;
        let changes: Vec<Change<'_>> =
            compared.iter().map(|it| Change { key: it.key, before: &it.live, after: &it.expected }).collect();
        let stale = store::write(self.views.as_ref(), &changes).await.map_err(away)?;
        facets::follow(self.views.as_ref(), &expected).await.map_err(away)?;
        Ok(stale.into_iter().collect())
    }

    /// The histories of `keys` once more, as they are now.
    pub(crate) async fn read_again(&self, store: &Db, keys: &[Key]) -> Result<Vec<Folded>, Outage> {
        let mut folded = Vec::with_capacity(keys.len());
        for (kind, id) in keys {
            folded.extend(Histories::of_one(store, self.views.as_ref(), *kind, *id).await?);
        }
        Ok(folded)
    }

    /// Deletes documents that have neither a history nor a row, and those that came back after their deletion.
    async fn remove_orphans(&self, orphans: Orphans, store: &Db, kind: AggregateKind) -> Result<u64, Outage> {
        let Some(collection) = collection(kind) else { return Ok(0) };
        let events =
            count(&mut store.read().await.map_err(store_away)?.conn(), kind).await.map_err(store_away)?;
        // A store without a single event of the kind is more likely the wrong store than a reason to delete every view.
        let keep = orphans == Orphans::Keep || events == 0;
        let mut removed = 0;
        let mut pages = Pages::new(self.views.as_ref(), collection, Vec::new());
        while let Some(page) = pages.next().await? {
            let ids: Vec<i64> = page.iter().filter_map(number).collect();
            let keys: Vec<Key> = ids.iter().map(|id| (kind, *id)).collect();
            let loaded = store::load_each(self.views.as_ref(), &keys).await.map_err(away)?;
            let known: HashSet<i64> =
                known(store, kind, &ids).await.map_err(store_away)?.into_iter().collect();
            let is_gone = |it: &Result<Current, _>| it.as_ref().is_ok_and(|it| it.deleted);
            let lives =
                |id: i64| (keep || known.contains(&id)) && !loaded.get(&(kind, id)).is_some_and(is_gone);
            let orphan = |document: &&Document| number(document).is_some_and(|id| !lives(id));
            let delete = |document: &Document| {
                let guard = Some(document.version());
                Write::Delete { collection, id: document.id.clone(), guard }
            };
            let deletes: Vec<Write> = page.iter().filter(orphan).map(delete).collect();
            removed += deletes.len() as u64;
            if !deletes.is_empty() {
                self.views.write(deletes).await.map_err(away)?;
            }
        }
        Ok(removed)
    }

    /// Parked events that their view has by now wait for nothing, whoever gave them up.
    async fn forget_what_is_shown(&self, kind: AggregateKind) -> Result<(), Outage> {
        let filters = vec![Filter::eq("group", self.group.as_str()), Filter::eq("aggregate", kind.as_str())];
        let mut pages = Pages::new(self.views.as_ref(), &PARKED, filters);
        while let Some(page) = pages.next().await? {
            let place = |document: &Document| {
                document.body.get("state").filter(|state| *state != "discarded")?;
                let number = |field: &str| document.body.get(field)?.as_i64();
                Some((document.id.clone(), (kind, number("aggregate_id")?), number("sequence")?))
            };
            let parked: Vec<(DocId, Key, i64)> = page.iter().filter_map(place).collect();
            let keys: Vec<Key> = parked.iter().map(|(_, key, _)| *key).collect();
            let loaded = store::load_each(self.views.as_ref(), &keys).await.map_err(away)?;
            let shown = |key: &Key, sequence: i64| {
                loaded.get(key).is_some_and(|it| it.as_ref().is_ok_and(|it| it.version >= sequence))
            };
            let deletes: Vec<Write> = parked
                .into_iter()
                .filter(|(_, key, sequence)| shown(key, *sequence))
                .map(|(id, ..)| forget(id))
                .collect();
            if !deletes.is_empty() {
                self.views.write(deletes).await.map_err(away)?;
            }
        }
        Ok(())
    }
}

/// Deletes the document of `compared` if it cannot be read, and is not another one by now.
fn delete_unreadable(compared: &Compared) -> Option<Write> {
    let ((kind, id), unreadable) = (compared.key, compared.unreadable.as_ref()?);
    let guard = Some(unreadable.version);
    Some(Write::Delete { collection: collection(kind)?, id: DocId::Int(id), guard })
}

/// The documents of a collection, a page after the other.
struct Pages<'a> {
    views: &'a dyn Views,
    collection: &'static Collection,
    query: Query,
}

impl<'a> Pages<'a> {
    fn new(views: &'a dyn Views, collection: &'static Collection, filters: Vec<Filter>) -> Self {
        let query = Query { filters, sort: Sort::ascending("_id"), after: None, limit: PAGE };
        Self { views, collection, query }
    }

    async fn next(&mut self) -> Result<Option<Vec<Document>>, Outage> {
        let page = self.views.find(self.collection, &self.query).await.map_err(away)?;
        let Some(last) = page.last() else { return Ok(None) };
        self.query.after = Some((Scalar::Null, last.id.clone()));
        Ok(Some(page))
    }
}

/// Those of `ids` that have a history or a row.
async fn known(store: &Db, kind: AggregateKind, ids: &[i64]) -> Result<Vec<i64>, sqlx::Error> {
    let mut reader = store.read().await?;
    let mut known = with_history(&mut reader.conn(), kind, ids).await?;
    let Some(table) = table(kind) else { return Ok(known) };
    for list in bulk::key_lists(ids) {
        let rows: Vec<i64> = on!(&mut reader.conn(), c => {
            let mut query = QueryBuilder::new(format!("select cast(id as signed) from {table} where id in "));
            bulk::push_list(&mut query, &list);
            query.build_query_scalar().fetch_all(&mut *c).await
        })?;
        known.extend(rows);
    }
    Ok(known)
}

/// Where the write side keeps the state of an aggregate that has a view.
fn table(kind: AggregateKind) -> Option<&'static str> {
    match kind {
        AggregateKind::User => Some("users"),
        AggregateKind::Product => Some("products"),
        AggregateKind::Order => Some("orders"),
        AggregateKind::Reservation => None,
    }
}

fn number(document: &Document) -> Option<i64> {
    match document.id {
        DocId::Int(id) => Some(id),
        DocId::Text(_) => None,
    }
}
