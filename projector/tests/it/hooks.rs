//! Views that pause, fail or break off where a test says so.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use esteira_views::{
    Collection, DocId, Document, Fields, Filter, Outcome, Query, Views, ViewsDescription, ViewsError, Write,
};
use tokio::sync::oneshot;

/// A call that is about to be made.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    /// The collections that it touches.
    pub(crate) collections: Vec<&'static str>,
    pub(crate) writes: &'a [Write],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Write,
    UpdateWhere,
    Find,
}

impl Call<'_> {
    pub(crate) fn is(&self, method: Method, collection: &Collection) -> bool {
        self.method == method && self.collections.contains(&collection.name)
    }
}

/// What happens instead of, or before, a call.
pub(crate) enum Action {
    Proceed,
    Fail(ViewsError),
    /// Carries out that many of the writes, and fails then, as when the server goes away in between.
    BreakOffAfter(usize),
    Pause(Pause),
}

/// A call that waits until the test lets it go on.
pub(crate) struct Pause {
    reached: oneshot::Sender<()>,
    go: oneshot::Receiver<()>,
}

/// The test's side of a [`Pause`].
pub(crate) struct Paused {
    pub(crate) reached: oneshot::Receiver<()>,
    pub(crate) go: oneshot::Sender<()>,
}

pub(crate) fn pause() -> (Pause, Paused) {
    let ((reached, when_reached), (let_go, go)) = (oneshot::channel(), oneshot::channel());
    (Pause { reached, go }, Paused { reached: when_reached, go: let_go })
}

type Hook = Box<dyn FnMut(&Call<'_>) -> Action + Send>;

pub(crate) struct Hooked {
    inner: Arc<dyn Views>,
    hook: Mutex<Hook>,
}

pub(crate) fn unavailable() -> ViewsError {
    ViewsError::Unavailable("the test says so".to_owned())
}

impl Hooked {
    pub(crate) fn new(
        inner: &Arc<dyn Views>,
        hook: impl FnMut(&Call<'_>) -> Action + Send + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { inner: Arc::clone(inner), hook: Mutex::new(Box::new(hook)) })
    }

    /// Pauses before the first call that `wanted` is true of.
    pub(crate) fn pausing(
        inner: &Arc<dyn Views>,
        mut wanted: impl FnMut(&Call<'_>) -> bool + Send + 'static,
    ) -> (Arc<Self>, Paused) {
        let (pause, paused) = pause();
        let mut pause = Some(pause);
        let hook = move |call: &Call<'_>| {
            let pause = if wanted(call) { pause.take() } else { None };
            pause.map_or(Action::Proceed, Action::Pause)
        };
        (Self::new(inner, hook), paused)
    }

    /// Fails the first call that `wanted` is true of, as an outage does.
    pub(crate) fn failing_once(
        inner: &Arc<dyn Views>,
        mut wanted: impl FnMut(&Call<'_>) -> bool + Send + 'static,
    ) -> Arc<Self> {
        let mut done = false;
        Self::new(inner, move |call| {
            if !done && wanted(call) {
                done = true;
                return Action::Fail(unavailable());
            }
            Action::Proceed
        })
    }

    /// Refuses every write of the document with this id.
    pub(crate) fn refusing(inner: &Arc<dyn Views>, collection: &'static Collection, id: i64) -> Arc<Self> {
        Self::new(inner, move |call| {
            let refused = |write: &Write| target(write) == (collection.name, &DocId::Int(id));
            if call.writes.iter().any(refused) {
                return Action::Fail(ViewsError::Rejected("the test says so".to_owned()));
            }
            Action::Proceed
        })
    }

    /// The number of the first writes that are to be carried out, if not all.
    async fn pass(
        &self,
        method: Method,
        collection: &Collection,
        writes: &[Write],
    ) -> Result<Option<usize>, ViewsError> {
        let mut collections: Vec<_> = writes.iter().map(|write| target(write).0).collect();
        collections.push(collection.name);
        let action = (self.hook.lock().unwrap())(&Call { method, collections, writes });
        match action {
            Action::Proceed => Ok(None),
            Action::Fail(error) => Err(error),
            Action::BreakOffAfter(count) => Ok(Some(count)),
            Action::Pause(Pause { reached, go }) => {
                // Nobody waits any more when the test has gone on.
                let _ = reached.send(());
                let _ = go.await;
                Ok(None)
            }
        }
    }
}

fn target(write: &Write) -> (&'static str, &DocId) {
    match write {
        Write::Put { collection, id, .. }
        | Write::Delete { collection, id, .. }
        | Write::Upsert { collection, id, .. } => (collection.name, id),
    }
}

const NONE: Collection = Collection { name: "", dates: &[], doubles: &[], indexes: &[] };

#[async_trait]
impl Views for Hooked {
    async fn prepare(&self, collections: &[&Collection]) -> Result<(), ViewsError> {
        self.inner.prepare(collections).await
    }

    async fn get(&self, collection: &Collection, ids: &[DocId]) -> Result<Vec<Document>, ViewsError> {
        self.pass(Method::Get, collection, &[]).await?;
        self.inner.get(collection, ids).await
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Vec<Outcome>, ViewsError> {
        match self.pass(Method::Write, &NONE, &writes).await? {
            None => self.inner.write(writes).await,
            Some(count) => {
                self.inner.write(writes.into_iter().take(count).collect()).await?;
                Err(unavailable())
            }
        }
    }

    async fn update_where(
        &self,
        collection: &Collection,
        updates: Vec<(Vec<Filter>, Fields)>,
    ) -> Result<u64, ViewsError> {
        self.pass(Method::UpdateWhere, collection, &[]).await?;
        self.inner.update_where(collection, updates).await
    }

    async fn delete_where(&self, collection: &Collection, filters: &[Filter]) -> Result<u64, ViewsError> {
        self.inner.delete_where(collection, filters).await
    }

    async fn find(&self, collection: &Collection, query: &Query) -> Result<Vec<Document>, ViewsError> {
        self.pass(Method::Find, collection, &[]).await?;
        self.inner.find(collection, query).await
    }

    async fn count(
        &self,
        collection: &Collection,
        filters: &[Filter],
        limit: u64,
    ) -> Result<u64, ViewsError> {
        self.inner.count(collection, filters, limit).await
    }

    async fn describe(&self) -> Result<ViewsDescription, ViewsError> {
        self.inner.describe().await
    }
}
