//! Guarded writes: load every document of the call, decide in memory, store what changed. The caller's
//! `begin immediate` keeps other writers out meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::SqliteConnection;

use super::document;
use super::error::views_error;
use super::sql;
use crate::port::Fields;
use crate::port::collection::Collection;
use crate::port::document::{DocId, Document};
use crate::port::error::ViewsError;
use crate::port::write::{Guard, MAX_DOCUMENT_BYTES, Outcome, Write};

pub(super) async fn load(
    connection: &mut SqliteConnection,
    collection: &Collection,
    ids: &[DocId],
) -> Result<Vec<Document>, ViewsError> {
    let rows = match ids {
        [] => Vec::new(),
        [id] => {
            let row = sql::load_one(collection, id).build().fetch_optional(connection).await;
            row.map_err(views_error)?.into_iter().collect()
        }
        _ => sql::load(collection, ids).build().fetch_all(connection).await.map_err(views_error)?,
    };
    rows.iter().map(document).collect()
}

pub(super) async fn apply(
    connection: &mut SqliteConnection,
    writes: &[Write],
) -> Result<Vec<Outcome>, ViewsError> {
    let mut touched = Touched::default();
    for (collection, ids) in ids_by_collection(writes) {
        let ids: Vec<DocId> = ids.into_iter().collect();
        for found in load(connection, collection, &ids).await? {
            touched.documents.insert((collection.name, found.id.clone()), found);
        }
    }
    let mut outcomes = vec![Outcome::Stale; writes.len()];
    for (position, write) in Write::in_order(writes) {
        outcomes[position] = touched.apply(write);
    }
    for (collection, _) in ids_by_collection(writes) {
        touched.store(connection, collection).await?;
    }
    Ok(outcomes)
}

fn ids_by_collection(writes: &[Write]) -> Vec<(&'static Collection, BTreeSet<DocId>)> {
    let mut by_name: BTreeMap<&str, (&'static Collection, BTreeSet<DocId>)> = BTreeMap::new();
    for write in writes {
        let (collection, id) = write.target();
        by_name.entry(collection.name).or_insert((collection, BTreeSet::new())).1.insert(id.clone());
    }
    by_name.into_values().collect()
}

/// The documents of a call as they are after the writes so far.
#[derive(Default)]
struct Touched {
    documents: BTreeMap<(&'static str, DocId), Document>,
    changed: BTreeSet<(&'static str, DocId)>,
}

impl Touched {
    fn apply(&mut self, write: &Write) -> Outcome {
        let (collection, id) = write.target();
        let key = (collection.name, id.clone());
        let found = self.documents.get(&key);
        let stored = found.map(Document::version);
        match write {
            Write::Put { guard, set, .. } => {
                let holds = match guard {
                    Guard::Absent => stored.is_none(),
                    Guard::Version(version) => stored == Some(*version),
                    Guard::Unchanged { version, revision } => {
                        stored == Some(*version) && found.map(Document::revision) == Some(*revision)
                    }
                };
                if !holds {
                    return Outcome::Stale;
                }
                self.set(key, set);
            }
            Write::Upsert { set, .. } => self.set(key, set),
            Write::Delete { guard, .. } => {
                if guard.is_some() && stored.is_some() && *guard != stored {
                    return Outcome::Stale;
                }
                self.documents.remove(&key);
                self.changed.insert(key);
            }
        }
        Outcome::Applied
    }

    fn set(&mut self, key: (&'static str, DocId), set: &Fields) {
        let id = key.1.clone();
        let stored = self.documents.entry(key.clone()).or_insert(Document { id, body: Fields::new() });
        for (field, value) in set {
            if value.is_null() {
                stored.body.remove(field);
            } else {
                stored.body.insert(field.clone(), value.clone());
            }
        }
        self.changed.insert(key);
    }

    async fn store(
        &self,
        connection: &mut SqliteConnection,
        collection: &'static Collection,
    ) -> Result<(), ViewsError> {
        let (mut stored, mut removed) = (Vec::new(), Vec::new());
        for key in self.changed.iter().filter(|(name, _)| *name == collection.name) {
            match self.documents.get(key) {
                Some(document) => stored.push((&key.1, text(document)?)),
                None => removed.push(&key.1),
            }
        }
        if !stored.is_empty() {
            sql::store(collection, stored).build().execute(&mut *connection).await.map_err(views_error)?;
        }
        if !removed.is_empty() {
            sql::remove(collection, removed).build().execute(&mut *connection).await.map_err(views_error)?;
        }
        Ok(())
    }
}

fn text(document: &Document) -> Result<String, ViewsError> {
    let text = serde_json::to_string(&document.body).map_err(|e| ViewsError::Rejected(e.to_string()))?;
    if text.len() > MAX_DOCUMENT_BYTES {
        let reason = format!(
            "document {} would have {} bytes, more than {MAX_DOCUMENT_BYTES}",
            document.id,
            text.len()
        );
        return Err(ViewsError::Rejected(reason));
    }
    Ok(text)
}
