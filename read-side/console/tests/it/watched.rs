//! Views that count how often they are looked at, and can be away or hang.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use esteira_views::{
    Collection, DocId, Document, Fields, Filter, Outcome, Query, SqliteViews, Views, ViewsDescription,
    ViewsError, Write,
};

pub(crate) struct Watched {
    views: SqliteViews,
    looks: AtomicUsize,
    away: AtomicBool,
    hung: AtomicBool,
}

impl Watched {
    pub(crate) fn new(views: SqliteViews) -> Self {
        Self { views, looks: AtomicUsize::new(0), away: AtomicBool::new(false), hung: AtomicBool::new(false) }
    }

    /// How often somebody asked which engine it is, as every look at the belt does.
    pub(crate) fn looks(&self) -> usize {
        self.looks.load(Ordering::SeqCst)
    }

    pub(crate) fn goes_away(&self) {
        self.away.store(true, Ordering::SeqCst);
    }

    /// From now on it answers nothing at all.
    pub(crate) fn hangs(&self) {
        self.hung.store(true, Ordering::SeqCst);
    }

    async fn answers(&self) -> Result<(), ViewsError> {
        if self.hung.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.away.load(Ordering::SeqCst) {
            return Err(ViewsError::Unavailable("<b>gone</b>".to_owned()));
        }
        Ok(())
    }
}

#[async_trait]
impl Views for Watched {
    async fn prepare(&self, collections: &[&Collection]) -> Result<(), ViewsError> {
        self.views.prepare(collections).await
    }

    async fn get(&self, collection: &Collection, ids: &[DocId]) -> Result<Vec<Document>, ViewsError> {
        self.answers().await?;
        self.views.get(collection, ids).await
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Vec<Outcome>, ViewsError> {
        self.answers().await?;
        self.views.write(writes).await
    }

    async fn update_where(
        &self,
        collection: &Collection,
        updates: Vec<(Vec<Filter>, Fields)>,
    ) -> Result<u64, ViewsError> {
        self.answers().await?;
        self.views.update_where(collection, updates).await
    }

    async fn delete_where(&self, collection: &Collection, filters: &[Filter]) -> Result<u64, ViewsError> {
        self.answers().await?;
        self.views.delete_where(collection, filters).await
    }

    async fn find(&self, collection: &Collection, query: &Query) -> Result<Vec<Document>, ViewsError> {
        self.answers().await?;
        self.views.find(collection, query).await
    }

    async fn count(
        &self,
        collection: &Collection,
        filters: &[Filter],
        limit: u64,
    ) -> Result<u64, ViewsError> {
        self.answers().await?;
        self.views.count(collection, filters, limit).await
    }

    async fn describe(&self) -> Result<ViewsDescription, ViewsError> {
        self.looks.fetch_add(1, Ordering::SeqCst);
        self.answers().await?;
        self.views.describe().await
    }
}
