//! What the belt and the query API ask of a document store.

pub(crate) mod cases;
pub(crate) mod collection;
pub(crate) mod document;
pub(crate) mod error;
mod matching;
pub(crate) mod query;
pub(crate) mod seek;
pub(crate) mod write;

use async_trait::async_trait;
use serde_json::{Map, Value};

use collection::Collection;
use document::{DocId, Document};
use error::ViewsError;
use query::{Filter, Query};
use write::{Outcome, Write};

/// Top-level fields of a document, or in [`Views::update_where`] dotted paths and their values, as neutral JSON.
pub type Fields = Map<String, Value>;

/// A store of denormalized documents.
///
/// JSON is neutral: dates are RFC 3339 text with three decimals and `Z`, money is a number, ids are integers or text.
/// A field that is null and a field that is absent are the same. No method spans documents atomically, because not
/// every server has transactions: what must be one effect is one write.
#[async_trait]
pub trait Views: Send + Sync {
    /// Makes the collections and their indexes. Idempotent, and safe when many processes start at once.
    async fn prepare(&self, collections: &[&Collection]) -> Result<(), ViewsError>;

    /// The documents with these ids, in no particular order; missing ones are left out.
    async fn get(&self, collection: &Collection, ids: &[DocId]) -> Result<Vec<Document>, ViewsError>;

    /// Carries out `writes` and answers one outcome a write, in their order.
    ///
    /// Each write is atomic by itself. Within one call all upserts come first, then the puts, then the deletes, so
    /// that a tombstone is there before its document goes. Give at most one write a document: two of one document
    /// have no defined order. After an error any of the writes may have been applied: read again, then decide.
    async fn write(&self, writes: Vec<Write>) -> Result<Vec<Outcome>, ViewsError>;

    /// Sets fields of every document that matches all filters of an update; dotted paths (`user.name`) reach into
    /// nested objects, null removes. Answers how many documents matched, over all updates.
    async fn update_where(
        &self,
        collection: &Collection,
        updates: Vec<(Vec<Filter>, Fields)>,
    ) -> Result<u64, ViewsError>;

    /// Deletes every document that matches all filters (all documents when there are none); answers how many.
    async fn delete_where(&self, collection: &Collection, filters: &[Filter]) -> Result<u64, ViewsError>;

    /// One page of the documents that match all filters of `query`, in its order.
    async fn find(&self, collection: &Collection, query: &Query) -> Result<Vec<Document>, ViewsError>;

    /// How many documents match all `filters`, counting no further than `limit`.
    async fn count(&self, collection: &Collection, filters: &[Filter], limit: u64)
    -> Result<u64, ViewsError>;

    /// Makes what was deleted unreadable also for whoever has the store's files, where that is not the server's to do.
    async fn scrub(&self) -> Result<(), ViewsError> {
        Ok(())
    }

    /// Closes every connection, when nobody uses the store any more.
    async fn close(&self) {}

    /// Which engine answers, and where. Also serves as the readiness check.
    async fn describe(&self) -> Result<ViewsDescription, ViewsError>;
}

/// The engine behind a [`Views`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewsDescription {
    /// `mongodb`, `ferretdb` or `sqlite`.
    pub engine: &'static str,
    /// The engine's own version text.
    pub version: String,
    /// Hosts and database, or the file; never credentials.
    pub address: String,
}
