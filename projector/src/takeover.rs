//! Views that a Go projector wrote are rebuilt from the outbox before this one goes on.
//!
//! Go's documents have no `version`, and Go writes into ours without moving it, so neither says which events a document
//! has. The outbox has them all, in order: it is read once from the start, and the gate sorts out what is known.

use std::time::Instant;

use esteira_bus::{Outage, Record};
use esteira_events::{AggregateKind, Event};
use esteira_outbox::{OutboxRow, Outgoing};
use esteira_sql::{Db, Timestamp, on};
use esteira_views::{
    Collection, DocId, Document, Fields, Filter, GO_PROCESSED, GoProcessed, Guard, PRODUCTS, Query, REVISION,
    Scalar, Sort, TAKEOVERS, Takeover, VERSION, ViewsError, Write, from_document, to_document,
};
use serde_json::{Value, json};

use crate::dead::away;
use crate::incoming::{Incoming, Key};
use crate::projections::collection;
use crate::projector::Projector;
use crate::store;

const PAGE: u32 = 1_000;

impl Projector {
    /// Rebuilds what a Go projector has written since this group last consumed; mostly a look, and nothing to do.
    pub(crate) async fn take_over(&self) -> Result<(), Outage> {
        let newest = self.newest_of_go().await.map_err(away)?;
        if newest.is_some() && newest != self.taken_over().await.map_err(away)? {
            self.unversion().await.map_err(away)?;
        }
        let left = self.unversioned().await.map_err(away)?;
        if left > 0 {
            let store = self.store.as_ref().ok_or_else(|| {
                Outage(format!(
                    "{left} documents of a Go projector must be rebuilt from the outbox: set MYSQL_DSN"
                ))
            })?;
            tracing::info!(documents = left, "taking over views of a Go projector");
            let started = Instant::now();
            let events = self.replay(store).await?;
            let adopted = self.adopt().await.map_err(away)?;
            self.take_stock(store).await?;
            tracing::info!(events, adopted, seconds = started.elapsed().as_secs(), "views taken over");
        }
        match newest {
            Some(newest) => self.remember(newest).await.map_err(away),
            None => Ok(()),
        }
    }

    /// When the Go projector last wrote, by its own marks.
    async fn newest_of_go(&self) -> Result<Option<Timestamp>, ViewsError> {
        let query = Query {
            filters: vec![Filter::eq("service_name", GoProcessed::SERVICE)],
            sort: Sort::descending("processed_at"),
            after: None,
            limit: 1,
        };
        let newest = self.views.find(&GO_PROCESSED, &query).await?.pop();
        newest.map(|mark| from_document::<GoProcessed>(mark).map(|mark| mark.processed_at)).transpose()
    }

    async fn taken_over(&self) -> Result<Option<Timestamp>, ViewsError> {
        let takeover = self.views.get(&TAKEOVERS, &[DocId::from(self.group.as_str())]).await?.pop();
        takeover.map(|document| from_document::<Takeover>(document).map(|it| it.go_wrote_at)).transpose()
    }

    async fn remember(&self, go_wrote_at: Timestamp) -> Result<(), ViewsError> {
        let Document { id, body } = to_document(&Takeover { id: self.group.clone(), go_wrote_at })?;
        self.views.write(vec![Write::Upsert { collection: &TAKEOVERS, id, set: body }]).await.map(drop)
    }

    /// Takes the versions away from documents that Go may have written into.
    async fn unversion(&self) -> Result<(), ViewsError> {
        let none: Fields =
            [VERSION, REVISION, "applied"].map(|field| (field.to_owned(), Value::Null)).into_iter().collect();
        for (_, collection) in views() {
            self.views.update_where(collection, vec![(Vec::new(), none.clone())]).await?;
        }
        Ok(())
    }

    async fn unversioned(&self) -> Result<u64, ViewsError> {
        let mut left = 0;
        for (_, collection) in views() {
            left += self.views.count(collection, &[no_version()], u32::MAX.into()).await?;
        }
        Ok(left)
    }

    /// Passes every row of the outbox through the gate; how many there were.
    async fn replay(&self, store: &Db) -> Result<usize, Outage> {
        let (mut after, mut passed) = (0, 0);
        loop {
            let rows = page(store, after).await.map_err(|error| Outage(error.to_string()))?;
            let Some(last) = rows.last() else { return Ok(passed) };
            after = last.id;
            passed += rows.len();
            self.apply(rows.into_iter().filter_map(|row| self.incoming(row)).collect()).await?;
            tracing::info!(events = passed, "outbox replayed");
        }
    }

    /// A row as the record that it became; one that is no event of a view is none of the projector's business here: its
    /// record is dead-lettered when it comes from the log.
    fn incoming(&self, row: OutboxRow) -> Option<Incoming> {
        let at = (row.partition.unwrap_or(-1), row.offset.unwrap_or(-1));
        let record = Outgoing::new(row, &self.topics).record();
        let event_type = self.topics.event_type(&record.topic)?;
        collection(event_type.aggregate())?;
        let event = Event::decode(event_type, record.value.as_deref()).ok()?;
        let record = Record {
            topic: record.topic,
            partition: at.0,
            offset: at.1,
            timestamp_ms: None,
            key: record.key,
            value: record.value,
            headers: record.headers,
        };
        Some(Incoming::new(event, record))
    }

    /// Go's product service moves stock past the outbox, so that only the table knows what is left.
    async fn take_stock(&self, store: &Db) -> Result<(), Outage> {
        let mut after = 0;
        loop {
            let rows = stocks(store, after).await.map_err(|error| Outage(error.to_string()))?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.id;
            let keys: Vec<Key> = rows.iter().map(|row| (AggregateKind::Product, row.id)).collect();
            let loaded = store::load(self.views.as_ref(), &keys).await.map_err(away)?;
            let writes: Vec<Write> = rows
                .iter()
                .filter_map(|row| {
                    let current = &loaded[&(AggregateKind::Product, row.id)];
                    // A later version says itself what is left.
                    let view = current.view.as_ref().filter(|_| current.version == row.version)?;
                    let guard = Guard::Unchanged { version: row.version, revision: view.revision() };
                    let set = [("stock".to_owned(), json!(row.stock))].into_iter().collect();
                    Some(Write::Put { collection: &PRODUCTS, id: DocId::Int(row.id), guard, set })
                })
                .collect();
            if !writes.is_empty() {
                self.views.write(writes).await.map_err(away)?;
            }
        }
    }

    /// Documents whose creation the outbox does not have count as created, and go on from there; how many.
    async fn adopt(&self) -> Result<u64, ViewsError> {
        let created: Fields = [(VERSION.to_owned(), json!(1))].into_iter().collect();
        let mut adopted = 0;
        for (kind, collection) in views() {
            self.bury_again(kind, collection).await?;
            let update = (vec![no_version()], created.clone());
            adopted += self.views.update_where(collection, vec![update]).await?;
        }
        Ok(adopted)
    }

    /// Deletes documents that Go has brought back after our deletion.
    async fn bury_again(
        &self,
        kind: AggregateKind,
        collection: &'static Collection,
    ) -> Result<(), ViewsError> {
        let mut after = None;
        loop {
            let sort = Sort::ascending("_id");
            let query = Query { filters: vec![no_version()], sort, after: after.take(), limit: PAGE };
            let ids: Vec<i64> =
                self.views.find(collection, &query).await?.iter().filter_map(number).collect();
            let Some(last) = ids.last() else { return Ok(()) };
            after = Some((Scalar::Int(*last), DocId::Int(*last)));
            let keys: Vec<Key> = ids.into_iter().map(|id| (kind, id)).collect();
            let loaded = store::load(self.views.as_ref(), &keys).await?;
            let dead = loaded.into_iter().filter(|(_, current)| current.deleted);
            let deletes: Vec<Write> = dead
                .map(|((_, id), _)| Write::Delete { collection, id: DocId::Int(id), guard: None })
                .collect();
            if !deletes.is_empty() {
                self.views.write(deletes).await?;
            }
        }
    }
}

/// The collections of the views.
fn views() -> impl Iterator<Item = (AggregateKind, &'static Collection)> {
    AggregateKind::ALL.into_iter().filter_map(|kind| Some((kind, collection(kind)?)))
}

fn no_version() -> Filter {
    Filter::Missing(VERSION.to_owned())
}

fn number(document: &Document) -> Option<i64> {
    match document.id {
        DocId::Int(id) => Some(id),
        DocId::Text(_) => None,
    }
}

esteira_sql::row! {
    /// What the write side has of a product.
    struct ProductRow {
        id: i64,
        version: i64,
        stock: i64,
    }
}

async fn stocks(store: &Db, after: i64) -> Result<Vec<ProductRow>, sqlx::Error> {
    let mut reader = store.read().await?;
    on!(&mut reader.conn(), c => {
        sqlx::query_as(
            "select cast(id as signed) as id, version, cast(stock as signed) as stock from products \
             where id > ? order by products.id limit ?",
        )
        .bind(after)
        .bind(PAGE)
        .fetch_all(&mut *c)
        .await
    })
}

async fn page(store: &Db, after: i64) -> Result<Vec<OutboxRow>, sqlx::Error> {
    let mut reader = store.read().await?;
    esteira_outbox::page(&mut reader.conn(), after, PAGE).await
}
