//! Guarded writes without transactions: a guard that does not hold is a failure of its own statement, which the reply names.
//!
//! - [`Guard::Absent`] is an insert, which fails with `DuplicateKey`.
//! - [`Guard::Version`] and [`Guard::Unchanged`] are part of the query of an upsert: the reply to an `update` has only a total of
//!   what matched, but an upsert that finds nothing tries to insert. It must never do so, for its document may have been
//!   deleted meanwhile, and its few fields must not bring that back: it asks on insert, and only then, for another `_id` than
//!   its query's, which fails with `ImmutableField`, or with `DuplicateKey`.

use std::collections::{BTreeMap, HashMap};

use bson::{Bson, Document as BsonDocument, doc};
use futures::TryStreamExt;
use mongodb::Database;
use tracing::warn;

use super::CALL_TIMEOUT;
use super::codec::{self, at, id_to_bson};
use super::command::{self, Reply};
use super::error::{DUPLICATE_KEY, IMMUTABLE_FIELD, within};
use crate::port::Fields;
use crate::port::collection::Collection;
use crate::port::document::{DocId, REVISION, VERSION};
use crate::port::error::ViewsError;
use crate::port::write::{Guard, Outcome, Write};

/// No document has it as its id.
const NEVER: i64 = -1;
const UPSERT_ATTEMPTS: u32 = 5;

/// In this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Upsert,
    Insert,
    Put,
    Delete,
}

/// Writes of one kind to one collection: one command. Each with its position in the call.
type Group<'a> = Vec<(usize, &'a Write)>;

pub(super) async fn apply(database: &Database, writes: &[Write]) -> Result<Vec<Outcome>, ViewsError> {
    for write in writes {
        write.check()?;
    }
    let mut groups: BTreeMap<(Kind, &str), (&Collection, Group<'_>)> = BTreeMap::new();
    for (position, write) in writes.iter().enumerate() {
        let (collection, _) = write.target();
        groups
            .entry((kind(write), collection.name))
            .or_insert((collection, Vec::new()))
            .1
            .push((position, write));
    }
    let mut outcomes = vec![Outcome::Applied; writes.len()];
    for ((kind, _), (collection, mut group)) in groups {
        // In one order, or two writers of the same documents would wait for each other: FerretDB's PostgreSQL then fails one.
        group.sort_by(|(_, left), (_, right)| left.target().1.cmp(right.target().1));
        match kind {
            Kind::Upsert => upsert(database, collection, group).await?,
            Kind::Insert => insert(database, collection, &group, &mut outcomes).await?,
            Kind::Put => put(database, collection, &group, &mut outcomes).await?,
            Kind::Delete => delete(database, collection, &group, &mut outcomes).await?,
        }
    }
    Ok(outcomes)
}

fn kind(write: &Write) -> Kind {
    match write {
        Write::Upsert { .. } => Kind::Upsert,
        Write::Put { guard: Guard::Absent, .. } => Kind::Insert,
        Write::Put { guard: Guard::Version(_) | Guard::Unchanged { .. }, .. } => Kind::Put,
        Write::Delete { .. } => Kind::Delete,
    }
}

/// Two upserts of one new document may both try to insert it; the one that came second finds it the next time.
async fn upsert(
    database: &Database,
    collection: &Collection,
    mut group: Group<'_>,
) -> Result<(), ViewsError> {
    let mut attempt = 1;
    loop {
        let reply = command::update(database, collection, &statements(collection, &group)).await?;
        let lost = |failure: &&command::Failure| failure.code == DUPLICATE_KEY && attempt < UPSERT_ATTEMPTS;
        if let Some(failure) = reply.failures.iter().find(|failure| !lost(failure)) {
            return Err(failure.error());
        }
        if reply.failures.is_empty() {
            return Ok(());
        }
        group = reply.failures.iter().map(|failure| group[failure.position]).collect();
        attempt += 1;
    }
}

async fn insert(
    database: &Database,
    collection: &Collection,
    group: &Group<'_>,
    outcomes: &mut [Outcome],
) -> Result<(), ViewsError> {
    let reply = command::insert(database, collection, &statements(collection, group)).await?;
    stale(&reply, &[DUPLICATE_KEY], group, outcomes)
}

async fn put(
    database: &Database,
    collection: &Collection,
    group: &Group<'_>,
    outcomes: &mut [Outcome],
) -> Result<(), ViewsError> {
    let reply = command::update(database, collection, &statements(collection, group)).await?;
    bury(database, collection, group, &reply, outcomes).await?;
    stale(&reply, &[DUPLICATE_KEY, IMMUTABLE_FIELD], group, outcomes)
}

/// What failed with one of `codes` did so because its guard did not hold.
fn stale(
    reply: &Reply,
    codes: &[i32],
    group: &Group<'_>,
    outcomes: &mut [Outcome],
) -> Result<(), ViewsError> {
    for failure in &reply.failures {
        if !codes.contains(&failure.code) {
            return Err(failure.error());
        }
        outcomes[group[failure.position].0] = Outcome::Stale;
    }
    Ok(())
}

/// Deletes what a put with a version inserted, should a server do so after all: a document that was deleted after the
/// caller had read it, back with some of its fields only. It goes whatever its version is by now, because what was
/// built on top of it is no more real.
async fn bury(
    database: &Database,
    collection: &Collection,
    group: &Group<'_>,
    reply: &Reply,
    outcomes: &mut [Outcome],
) -> Result<(), ViewsError> {
    let mut graves = Vec::new();
    for (upserted, inserted) in &reply.upserted {
        let (position, write) = group[*upserted];
        let (_, id) = write.target();
        warn!(collection = collection.name, %id, "a deleted document was written to and is deleted again");
        outcomes[position] = Outcome::Stale;
        graves.push(doc! { "q": { "_id": inserted }, "limit": 1 });
    }
    command::delete(database, collection, &graves).await?.refuse_failures()
}

/// The reply has only a total, so that when some guard did not hold, what is left tells which.
async fn delete(
    database: &Database,
    collection: &Collection,
    group: &Group<'_>,
    outcomes: &mut [Outcome],
) -> Result<(), ViewsError> {
    let reply = command::delete(database, collection, &statements(collection, group)).await?;
    reply.refuse_failures()?;
    if reply.matched == group.len() as u64 {
        return Ok(());
    }
    let left = versions(database, collection, group).await?;
    for (position, write) in group {
        if let Write::Delete { id, guard: Some(guard), .. } = write
            && left.get(id).is_some_and(|version| version != guard)
        {
            outcomes[*position] = Outcome::Stale;
        }
    }
    Ok(())
}

async fn versions(
    database: &Database,
    collection: &Collection,
    group: &Group<'_>,
) -> Result<HashMap<DocId, i64>, ViewsError> {
    let ids: Vec<Bson> = group.iter().map(|(_, write)| id_to_bson(write.target().1)).collect();
    let documents = database.collection::<BsonDocument>(collection.name);
    let found = documents.find(doc! { "_id": { "$in": ids } }).projection(doc! { VERSION: 1 });
    let found: Vec<_> = within(CALL_TIMEOUT, async { found.await?.try_collect().await }).await?;
    found
        .into_iter()
        .map(|document| {
            codec::from_bson(collection, document).map(|document| (document.id.clone(), document.version()))
        })
        .collect()
}

fn statements(collection: &Collection, group: &Group<'_>) -> Vec<BsonDocument> {
    group.iter().map(|(_, write)| statement(collection, write)).collect()
}

fn statement(collection: &Collection, write: &Write) -> BsonDocument {
    match write {
        Write::Put { id, guard: Guard::Absent, set, .. } => codec::document(collection, id, set),
        Write::Put { id, guard: Guard::Version(version), set, .. } => {
            guarded(collection, doc! { "_id": id_to_bson(id), VERSION: at(*version) }, set)
        }
        Write::Put { id, guard: Guard::Unchanged { version, revision }, set, .. } => {
            let query = doc! { "_id": id_to_bson(id), REVISION: at(*revision), VERSION: at(*version) };
            guarded(collection, query, set)
        }
        Write::Upsert { id, set, .. } => {
            doc! { "q": { "_id": id_to_bson(id) }, "u": codec::update(collection, set), "upsert": true }
        }
        Write::Delete { id, guard, .. } => {
            let mut query = doc! { "_id": id_to_bson(id) };
            if let Some(version) = guard {
                query.insert(VERSION, at(*version));
            }
            doc! { "q": query, "limit": 1 }
        }
    }
}

fn guarded(collection: &Collection, query: BsonDocument, set: &Fields) -> BsonDocument {
    let mut update = codec::update(collection, set);
    update.insert("$setOnInsert", doc! { "_id": NEVER });
    doc! { "q": query, "u": update, "upsert": true }
}
