//! Views as JSON documents in one SQLite file: a table a collection, in it the JSON text of every document.

mod condition;
mod error;
mod sql;
mod write;

use std::path::Path;

use async_trait::async_trait;
use esteira_sql::sqlite::SqliteFile;
use serde_json::{Map, Value};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row, Sqlite, Transaction, TypeInfo, ValueRef};

use crate::port::collection::Collection;
use crate::port::document::{DocId, Document};
use crate::port::error::ViewsError;
use crate::port::query::{Filter, Query};
use crate::port::seek::seeks;
use crate::port::write::{Outcome, Write};
use crate::port::{Fields, Views, ViewsDescription};
use error::views_error;

/// Views in a SQLite file, for one process. Cloning shares the connections.
#[derive(Clone, Debug)]
pub struct SqliteViews {
    file: SqliteFile,
    address: String,
}

impl SqliteViews {
    /// Opens `path`, creating it and its directory when they are missing.
    pub async fn open(path: &Path) -> Result<Self, ViewsError> {
        let file = SqliteFile::open(path).await.map_err(views_error)?;
        Ok(Self { file, address: path.display().to_string() })
    }

    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, ViewsError> {
        self.file.writer().begin_with("begin immediate").await.map_err(views_error)
    }
}

#[async_trait]
impl Views for SqliteViews {
    /// After this the file may be moved.
    async fn close(&self) {
        self.file.close().await;
    }

    async fn prepare(&self, collections: &[&Collection]) -> Result<(), ViewsError> {
        let mut tx = self.begin().await?;
        for collection in collections {
            for statement in sql::schema(collection)? {
                sqlx::query(AssertSqlSafe(statement)).execute(&mut *tx).await.map_err(views_error)?;
            }
        }
        tx.commit().await.map_err(views_error)
    }

    async fn get(&self, collection: &Collection, ids: &[DocId]) -> Result<Vec<Document>, ViewsError> {
        let mut connection = self.file.readers().acquire().await.map_err(views_error)?;
        write::load(&mut connection, collection, ids).await
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Vec<Outcome>, ViewsError> {
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        for write in &writes {
            write.check()?;
        }
        let mut tx = self.begin().await?;
        let outcomes = write::apply(&mut tx, &writes).await?;
        tx.commit().await.map_err(views_error)?;
        Ok(outcomes)
    }

    async fn update_where(
        &self,
        collection: &Collection,
        updates: Vec<(Vec<Filter>, Fields)>,
    ) -> Result<u64, ViewsError> {
        let mut tx = self.begin().await?;
        let mut matched = 0;
        for (filters, set) in updates.iter().filter(|(_, set)| !set.is_empty()) {
            let mut statement = sql::update(collection, filters, set)?;
            matched += statement.build().execute(&mut *tx).await.map_err(views_error)?.rows_affected();
        }
        tx.commit().await.map_err(views_error)?;
        Ok(matched)
    }

    async fn delete_where(&self, collection: &Collection, filters: &[Filter]) -> Result<u64, ViewsError> {
        let mut tx = self.begin().await?;
        let mut statement = sql::delete(collection, filters)?;
        let deleted = statement.build().execute(&mut *tx).await.map_err(views_error)?.rows_affected();
        tx.commit().await.map_err(views_error)?;
        Ok(deleted)
    }

    async fn find(&self, collection: &Collection, query: &Query) -> Result<Vec<Document>, ViewsError> {
        let mut found = Vec::new();
        for seek in seeks(query) {
            let left = query.limit as usize - found.len();
            if left == 0 {
                break;
            }
            let mut statement = sql::select(collection, query, &seek, left)?;
            let rows = statement.build().fetch_all(self.file.readers()).await.map_err(views_error)?;
            for row in &rows {
                found.push(document(row)?);
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
        let mut statement = sql::count(collection, filters, limit)?;
        let count: i64 =
            statement.build_query_scalar().fetch_one(self.file.readers()).await.map_err(views_error)?;
        Ok(count.unsigned_abs())
    }

    async fn scrub(&self) -> Result<(), ViewsError> {
        self.file.scrub().await.map_err(views_error)
    }

    async fn describe(&self) -> Result<ViewsDescription, ViewsError> {
        let version = sqlx::query_scalar("select sqlite_version()")
            .fetch_one(self.file.readers())
            .await
            .map_err(views_error)?;
        Ok(ViewsDescription { engine: "sqlite", version, address: self.address.clone() })
    }
}

/// A row of `id, body`; ids keep the type that they were stored with.
fn document(row: &SqliteRow) -> Result<Document, ViewsError> {
    let raw = row.try_get_raw(0).map_err(views_error)?;
    let id = if raw.type_info().name() == "INTEGER" {
        DocId::Int(row.try_get(0).map_err(views_error)?)
    } else {
        DocId::Text(row.try_get(0).map_err(views_error)?)
    };
    let text: &str = row.try_get(1).map_err(views_error)?;
    let mut body: Map<String, Value> = serde_json::from_str(text)
        .map_err(|e| ViewsError::Rejected(format!("document {id} is not a JSON object: {e}")))?;
    body.retain(|_, value| !value.is_null());
    Ok(Document { id, body })
}
