//! Loading and writing what a batch touches.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use esteira_events::{AggregateKind, Event};
use esteira_sql::Timestamp;
use esteira_views::{
    APPLIED, DocId, Guard, Outcome, TOMBSTONES, Tombstone, Views, ViewsError, Write, from_document,
    to_document, tombstone_id,
};

use serde_json::Value;

use crate::gate::Current;
use crate::incoming::{Key, Pending};
use crate::projections::{View, collection};

/// Ids looked up at once.
const LOOKED_UP: usize = 1_000;

/// The views and tombstones of `keys`; every key has an entry.
pub(crate) async fn load(views: &dyn Views, keys: &[Key]) -> Result<BTreeMap<Key, Current>, ViewsError> {
    let loaded = load_each(views, keys).await?;
    loaded.into_iter().map(|(key, current)| Ok((key, current.map_err(|it| it.error)?))).collect()
}

/// A document that cannot be read.
#[derive(Clone, Debug)]
pub(crate) struct Unreadable {
    pub(crate) error: ViewsError,
    /// As far as it says one.
    pub(crate) version: i64,
}

/// As [`load`], with an error of its own for a document that cannot be read.
pub(crate) async fn load_each(
    views: &dyn Views,
    keys: &[Key],
) -> Result<BTreeMap<Key, Result<Current, Unreadable>>, ViewsError> {
    let mut loaded: BTreeMap<Key, Result<Current, Unreadable>> =
        keys.iter().map(|key| (*key, Ok(Current::default()))).collect();
    for kind in AggregateKind::ALL {
        let ids: Vec<DocId> = keys.iter().filter(|key| key.0 == kind).map(|key| DocId::Int(key.1)).collect();
        let Some(collection) = collection(kind).filter(|_| !ids.is_empty()) else { continue };
        for document in views.get(collection, &ids).await? {
            let DocId::Int(id) = document.id else { continue };
            let version = document.version();
            let current = match View::read(kind, document) {
                Ok(view) => Ok(Current { view, version, ..Current::default() }),
                Err(error) => Err(Unreadable { error, version }),
            };
            loaded.insert((kind, id), current);
        }
    }
    bury(views, &mut loaded).await?;
    Ok(loaded)
}

/// A tombstone outlives its document, which a crash may have left behind.
async fn bury(
    views: &dyn Views,
    loaded: &mut BTreeMap<Key, Result<Current, Unreadable>>,
) -> Result<(), ViewsError> {
    let ids: Vec<DocId> = loaded.keys().map(|(kind, id)| tombstone_id(kind.as_str(), *id)).collect();
    let mut stones: HashMap<DocId, i64> = HashMap::new();
    for document in views.get(&TOMBSTONES, &ids).await? {
        stones.insert(document.id.clone(), from_document::<Tombstone>(document)?.version);
    }
    for ((kind, id), current) in loaded {
        let version = current.as_ref().map_or(0, |current| current.version);
        let stone = stones.get(&tombstone_id(kind.as_str(), *id));
        if let Some(version) = stone.filter(|stone| **stone >= version) {
            *current = Ok(Current { version: *version, deleted: true, ..Current::default() });
        }
    }
    Ok(())
}

/// The views of `pending`, each with those of its unsequenced events that it has and no longer remembers.
pub(crate) async fn load_for(
    views: &dyn Views,
    pending: &Pending,
) -> Result<BTreeMap<Key, Current>, ViewsError> {
    let keys: Vec<Key> = pending.keys().copied().collect();
    let mut loaded = load(views, &keys).await?;
    let events = pending.values().flatten().map(|incoming| &incoming.event);
    for (key, event_ids) in kept(views, events).await? {
        if let Some(current) = loaded.get_mut(&key) {
            current.recalled = event_ids;
        }
    }
    Ok(loaded)
}

/// The ids of those of the unsequenced `events` that are kept beside the views. To be asked after the views are loaded, for
/// what a view forgets is kept before it does.
pub(crate) async fn kept<'e>(
    views: &dyn Views,
    events: impl Iterator<Item = &'e Event>,
) -> Result<BTreeMap<Key, BTreeSet<String>>, ViewsError> {
    let unsequenced = events.filter(|event| event.sequence().is_none());
    let keys: HashMap<DocId, Key> = unsequenced
        .map(|event| (event.meta.event_id.to_string().into(), (event.aggregate(), event.aggregate_id())))
        .collect();
    let ids: Vec<DocId> = keys.keys().cloned().collect();
    let mut kept = BTreeMap::<Key, BTreeSet<String>>::new();
    for ids in ids.chunks(LOOKED_UP) {
        for document in views.get(&APPLIED, ids).await? {
            if let (Some(key), DocId::Text(event_id)) = (keys.get(&document.id), document.id) {
                kept.entry(*key).or_default().insert(event_id);
            }
        }
    }
    Ok(kept)
}

/// Keeps beside the views that the unsequenced event `event_id` of `key` has been applied, or never is to be.
pub(crate) fn keep((kind, id): Key, event_id: &str) -> Write {
    let of = [("of".to_owned(), Value::from(format!("{kind}:{id}")))].into_iter().collect();
    Write::Upsert { collection: &APPLIED, id: event_id.into(), set: of }
}

/// One aggregate's change.
pub(crate) struct Change<'a> {
    pub(crate) key: Key,
    pub(crate) before: &'a Current,
    pub(crate) after: &'a Current,
}

impl Change<'_> {
    pub(crate) fn is_creation(&self) -> bool {
        self.before.view.is_none() && self.after.view.is_some()
    }
}

/// Writes every change, each guarded by the state that it was folded from; the keys of those that were stale.
pub(crate) async fn write(views: &dyn Views, changes: &[Change<'_>]) -> Result<BTreeSet<Key>, ViewsError> {
    let mut writes = Vec::with_capacity(changes.len());
    let mut keys = Vec::with_capacity(changes.len());
    for change in changes {
        for write in writes_of(change)? {
            keys.push(change.key);
            writes.push(write);
        }
    }
    if writes.is_empty() {
        return Ok(BTreeSet::new());
    }
    let forgotten =
        changes.iter().flat_map(|change| change.after.surplus.iter().map(|id| keep(change.key, id)));
    let forgotten: Vec<Write> = forgotten.collect();
    if !forgotten.is_empty() {
        // First, for after a crash in between an event is known twice and not applied twice.
        views.write(forgotten).await?;
    }
    let outcomes = views.write(writes).await?;
    let mut stale: BTreeSet<Key> = keys
        .into_iter()
        .zip(outcomes)
        .filter(|(_, outcome)| *outcome == Outcome::Stale)
        .map(|(key, _)| key)
        .collect();
    stale.extend(bury_late_creations(views, changes, &stale).await?);
    Ok(stale)
}

/// A creation finds no document both before its aggregate was created and after it was deleted. The tombstone is
/// written before the document goes, so a creation that looks for it after its own write cannot miss it.
async fn bury_late_creations(
    views: &dyn Views,
    changes: &[Change<'_>],
    stale: &BTreeSet<Key>,
) -> Result<Vec<Key>, ViewsError> {
    let created: Vec<Key> = changes
        .iter()
        .filter(|change| change.is_creation() && !stale.contains(&change.key))
        .map(|change| change.key)
        .collect();
    if created.is_empty() {
        return Ok(created);
    }
    let ids: Vec<DocId> = created.iter().map(|(kind, id)| tombstone_id(kind.as_str(), *id)).collect();
    let stones: BTreeSet<DocId> =
        views.get(&TOMBSTONES, &ids).await?.into_iter().map(|stone| stone.id).collect();
    let late: Vec<Key> =
        created.into_iter().zip(ids).filter(|(_, id)| stones.contains(id)).map(|(key, _)| key).collect();
    let delete = |(kind, id): &Key| {
        Some(Write::Delete { collection: collection(*kind)?, id: DocId::Int(*id), guard: None })
    };
    let deletes: Vec<Write> = late.iter().filter_map(delete).collect();
    if !deletes.is_empty() {
        views.write(deletes).await?;
    }
    Ok(late)
}

fn writes_of(change: &Change<'_>) -> Result<Vec<Write>, ViewsError> {
    let (kind, id) = change.key;
    let Some(collection) = collection(kind) else { return Ok(Vec::new()) };
    let doc_id = DocId::Int(id);
    if change.after.deleted {
        let stone = Tombstone {
            id: format!("{kind}:{id}"),
            aggregate: kind.to_string(),
            aggregate_id: id,
            version: change.after.version,
            deleted_at: Timestamp::now(),
        };
        let stone = to_document(&stone)?;
        return Ok(vec![
            Write::Upsert { collection: &TOMBSTONES, id: stone.id, set: stone.body },
            Write::Delete { collection, id: doc_id, guard: None },
        ]);
    }
    let Some(view) = &change.after.view else { return Ok(Vec::new()) };
    let mut set = view.document()?.body;
    let guard = match &change.before.view {
        None => Guard::Absent,
        Some(before) => {
            // Only what changed: the user facet of an order belongs to another writer.
            let mut old = before.document()?.body;
            let gone: Vec<String> = old.keys().filter(|field| !set.contains_key(*field)).cloned().collect();
            if change.before.version == 0 {
                // A Go projector's document has not every field that it is read with.
                old.clear();
            }
            set.retain(|field, value| old.get(field) != Some(value));
            set.extend(gone.into_iter().map(|field| (field, Value::Null)));
            Guard::Unchanged { version: change.before.version, revision: before.revision() }
        }
    };
    if set.is_empty() { Ok(Vec::new()) } else { Ok(vec![Write::Put { collection, id: doc_id, guard, set }]) }
}
