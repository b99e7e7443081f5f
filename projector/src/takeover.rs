//! Views that a Go projector wrote are rebuilt from the outbox before this one goes on.
//!
//! Go's documents have no `version`, and Go writes into ours without moving it, so neither says which events a document
//! has. The outbox has them all.

use std::time::Instant;

use esteira_bus::Outage;
use esteira_events::AggregateKind;
use esteira_sql::{Db, Timestamp};
use esteira_views::{
    Collection, DocId, Document, Filter, GO_PROCESSED, GoProcessed, Query, Sort, TAKEOVERS, Takeover,
    VERSION, ViewsError, Write, from_document, to_document,
};
use serde_json::json;

use crate::dead::away;
use crate::projections::collection;
use crate::projector::Projector;
use crate::rebuild::{Orphans, Rebuilt};

impl Projector {
    /// Rebuilds what a Go projector has written since this group last consumed; mostly a look, and nothing to do.
    pub(crate) async fn take_over(&self) -> Result<(), Outage> {
        let newest = self.newest_of_go().await.map_err(away)?;
        let written = newest.is_some() && newest != self.taken_over().await.map_err(away)?;
        let left = self.unversioned().await.map_err(away)?;
        if left > 0 || written {
            let store = self.store.as_ref().ok_or_else(|| {
                Outage(format!(
                    "a Go projector wrote into the views ({left} documents have no version), and they must be rebuilt \
                     from the outbox: set MYSQL_DSN"
                ))
            })?;
            self.take_over_from(store, left).await?;
        }
        match newest {
            Some(newest) => self.remember(newest).await.map_err(away),
            None => Ok(()),
        }
    }

    async fn take_over_from(&self, store: &Db, unversioned: u64) -> Result<(), Outage> {
        tracing::info!(unversioned, "taking over views of a Go projector");
        let started = Instant::now();
        let told =
            |rebuilt: &Rebuilt| tracing::info!(events = rebuilt.events, total = rebuilt.total, "outbox read");
        let rebuilt = self.rebuild_and(Orphans::Keep, store, &AggregateKind::ALL, told).await?;
        let mut adopted = 0;
        for collection in views() {
            adopted += self.adopt(collection).await.map_err(away)?;
        }
        for reason in &rebuilt.broken {
            tracing::error!(%reason, "a view cannot be rebuilt");
        }
        let seconds = started.elapsed().as_secs();
        tracing::info!(
            events = rebuilt.events,
            replaced = rebuilt.replaced,
            adopted,
            seconds,
            "views taken over"
        );
        Ok(())
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

    async fn unversioned(&self) -> Result<u64, ViewsError> {
        let mut left = 0;
        for collection in views() {
            left += self.views.count(collection, &[no_version()], u32::MAX.into()).await?;
        }
        Ok(left)
    }

    /// Documents without a version whose rows were never announced count as created, and go on from there; how many.
    async fn adopt(&self, collection: &Collection) -> Result<u64, ViewsError> {
        let created = [(VERSION.to_owned(), json!(1))].into_iter().collect();
        self.views.update_where(collection, vec![(vec![no_version()], created)]).await
    }
}

/// The collections of the views.
fn views() -> impl Iterator<Item = &'static Collection> {
    AggregateKind::ALL.into_iter().filter_map(collection)
}

fn no_version() -> Filter {
    Filter::Missing(VERSION.to_owned())
}
