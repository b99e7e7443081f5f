//! Views in any server of the MongoDB wire protocol.
//!
//! Only what every such server has: no transactions, no `bulkWrite` command, no change streams. Writes are `update`
//! and `delete` commands of many statements.

mod codec;
mod command;
mod connect;
mod error;
mod filter;
mod index;
mod write;

use std::time::Duration;

use async_trait::async_trait;
use bson::{Document as BsonDocument, doc};
use futures::TryStreamExt;
use mongodb::Database;

use crate::port::collection::Collection;
use crate::port::document::{DocId, Document};
use crate::port::error::ViewsError;
use crate::port::query::{Filter, Query, Sort};
use crate::port::seek::{Seek, seeks};
use crate::port::write::{Outcome, Write};
use crate::port::{Fields, Views, ViewsDescription};
use error::{views_error, within};

/// The driver has no time limit for an answer once the command is sent, so that every call gets this one.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);
/// How long the driver may take to end its work.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Views in a MongoDB database. Cloning shares the connections.
#[derive(Clone, Debug)]
pub struct MongoViews {
    database: Database,
    address: String,
    encrypted: bool,
}

impl MongoViews {
    /// The database itself, for what the port does not say: inspecting and dropping it.
    pub fn database(&self) -> &Database {
        &self.database
    }

    fn collection(&self, collection: &Collection) -> mongodb::Collection<BsonDocument> {
        self.database.collection(collection.name)
    }

    async fn page(
        &self,
        collection: &Collection,
        query: &Query,
        seek: &Seek<'_>,
        limit: u32,
    ) -> Result<Vec<BsonDocument>, ViewsError> {
        let documents = self.collection(collection);
        let found = documents
            .find(filter::page(collection, query, seek)?)
            .sort(sort(&query.sort))
            .limit(i64::from(limit))
            // One more than the page: the server then closes the cursor without being asked again.
            .batch_size(limit.saturating_add(1));
        within(CALL_TIMEOUT, async { found.await?.try_collect().await }).await
    }
}

fn sort(sort: &Sort) -> BsonDocument {
    let direction = if sort.descending { -1 } else { 1 };
    if sort.path == "_id" {
        return doc! { "_id": direction };
    }
    doc! { &sort.path: direction, "_id": direction }
}

#[async_trait]
impl Views for MongoViews {
    async fn prepare(&self, collections: &[&Collection]) -> Result<(), ViewsError> {
        for collection in collections {
            index::create(&self.database, collection).await?;
        }
        Ok(())
    }

    async fn get(&self, collection: &Collection, ids: &[DocId]) -> Result<Vec<Document>, ViewsError> {
        let documents = self.collection(collection);
        let found: Vec<_> = match ids {
            [] => Vec::new(),
            [id] => {
                let found = documents.find_one(doc! { "_id": codec::id_to_bson(id) });
                within(CALL_TIMEOUT, async { found.await }).await?.into_iter().collect()
            }
            _ => {
                let most = u32::try_from(ids.len()).unwrap_or(u32::MAX);
                let ids: Vec<_> = ids.iter().map(codec::id_to_bson).collect();
                // One answer if they are not too large, after which the server needs no cursor.
                let found = documents.find(doc! { "_id": { "$in": ids } }).batch_size(most.saturating_add(1));
                within(CALL_TIMEOUT, async { found.await?.try_collect().await }).await?
            }
        };
        found.into_iter().map(|document| codec::from_bson(collection, document)).collect()
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Vec<Outcome>, ViewsError> {
        write::apply(&self.database, &writes).await
    }

    async fn update_where(
        &self,
        collection: &Collection,
        updates: Vec<(Vec<Filter>, Fields)>,
    ) -> Result<u64, ViewsError> {
        let statements = updates
            .iter()
            .filter(|(_, set)| !set.is_empty())
            .map(|(filters, set)| {
                let filter = filter::all(collection, filters)?;
                Ok(doc! { "q": filter, "u": codec::update(collection, set), "multi": true })
            })
            .collect::<Result<Vec<_>, ViewsError>>()?;
        // A document may be meant by more than one of them.
        let reply = command::update_in_order(&self.database, collection, &statements).await?;
        reply.refuse_failures()?;
        Ok(reply.matched)
    }

    async fn delete_where(&self, collection: &Collection, filters: &[Filter]) -> Result<u64, ViewsError> {
        let statement = doc! { "q": filter::all(collection, filters)?, "limit": 0 };
        let reply = command::delete(&self.database, collection, &[statement]).await?;
        reply.refuse_failures()?;
        Ok(reply.matched)
    }

    async fn find(&self, collection: &Collection, query: &Query) -> Result<Vec<Document>, ViewsError> {
        let mut left = query.limit;
        let mut found = Vec::new();
        for seek in seeks(query) {
            // A limit of 0 would mean no limit at all.
            if left == 0 {
                break;
            }
            let page = self.page(collection, query, &seek, left).await?;
            left = left.saturating_sub(u32::try_from(page.len()).unwrap_or(u32::MAX));
            for document in page {
                found.push(codec::from_bson(collection, document)?);
            }
        }
        Ok(found)
    }

    async fn count(
        &self,
        collection: &Collection,
        filters: &[Filter],
        limit: u64,
    ) -> Result<u64, ViewsError> {
        if limit == 0 {
            return Ok(0);
        }
        let documents = self.collection(collection);
        let count = documents.count_documents(filter::all(collection, filters)?).limit(limit);
        within(CALL_TIMEOUT, async { count.await }).await
    }

    /// The driver's own tasks end here: one that outlives the others, as the runtime drops them, panics.
    async fn close(&self) {
        let shutdown = self.database.client().clone().shutdown();
        if tokio::time::timeout(CLOSE_TIMEOUT, shutdown).await.is_err() {
            tracing::debug!(limit = ?CLOSE_TIMEOUT, "the views' driver has not ended its work");
        }
    }

    async fn describe(&self) -> Result<ViewsDescription, ViewsError> {
        let command = self.database.run_command(doc! { "buildInfo": 1 });
        let info = within(CALL_TIMEOUT, async { command.await }).await?;
        let version = |info: &BsonDocument| info.get_str("version").unwrap_or("unknown").to_owned();
        let (engine, version) = match info.get_document("ferretdb") {
            Ok(ferretdb) => ("ferretdb", version(ferretdb)),
            Err(_) => ("mongodb", version(&info)),
        };
        Ok(ViewsDescription { engine, version, address: self.address.clone() })
    }
}

impl From<mongodb::error::Error> for ViewsError {
    fn from(error: mongodb::error::Error) -> Self {
        views_error(&error)
    }
}
