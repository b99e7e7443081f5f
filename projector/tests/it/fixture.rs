//! Views and a log for each test: files of its own, or a MongoDB database of its own that is dropped at the end.

use std::sync::Arc;

use esteira_bus::{EmbeddedLog, Handler, Log, Record, TopicSpec, original};
use esteira_events::Topics;
use esteira_projector::{GROUP, Projector, TOPICS};
use esteira_sql::Db;
use esteira_sql::schema::migrate;
use esteira_views::{
    ALL_COLLECTIONS, Collection, DocId, Document, Filter, MongoViews, ORDERS, OrderView, PARKED, PRODUCTS,
    ProductView, Query, Sort, SqliteViews, USERS, UserView, Views, from_document,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::hooks::Hooked;

#[derive(Clone)]
pub(crate) struct Fixture {
    pub(crate) views: Arc<dyn Views>,
    pub(crate) log: Arc<EmbeddedLog>,
    /// The write store with the outbox; most tests need none.
    pub(crate) store: Option<Db>,
    directory: Arc<TempDir>,
}

pub(crate) async fn with_sqlite<F: Future<Output = ()>>(test: impl FnOnce(Fixture) -> F) {
    let directory = tempfile::tempdir().unwrap();
    let views = SqliteViews::open(&directory.path().join("views.db")).await.unwrap();
    test(Fixture::new(Arc::new(views.clone()), directory).await).await;
    views.close().await;
}

pub(crate) async fn with_mongo<F>(test: impl FnOnce(Fixture) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let Some(uri) = esteira_testkit::engine("MongoDB", "MONGO_URI") else { return };
    let (base, options) = uri.split_once('?').unwrap_or((uri.as_str(), ""));
    let host = base.trim_start_matches("mongodb://").split('/').next().unwrap();
    let name = format!("test_{}", uuid::Uuid::now_v7().simple());
    let views = MongoViews::connect(&format!("mongodb://{host}/{name}?{options}")).await.unwrap();
    let fixture = Fixture::new(Arc::new(views.clone()), tempfile::tempdir().unwrap()).await;
    // A task of its own, so that the database is dropped also when the test fails.
    let outcome = tokio::spawn(test(fixture)).await;
    views.database().drop().await.unwrap();
    outcome.unwrap();
}

impl Fixture {
    /// Two workers at once take records, each those of its lots, in the order of these.
    pub async fn deal(&self, mut drawn: Vec<(u32, Record)>) {
        drawn.sort_by_key(|(lot, _)| *lot);
        let (first, second): (Vec<_>, Vec<_>) = drawn.into_iter().partition(|(lot, _)| lot % 2 == 0);
        let take = |dealt: Vec<(u32, Record)>| {
            let projector = self.projector();
            tokio::spawn(async move {
                for (_, record) in dealt {
                    projector.handle(&[record]).await.unwrap();
                }
            })
        };
        let (first, second) = (take(first), take(second));
        first.await.unwrap();
        second.await.unwrap();
    }

    async fn new(views: Arc<dyn Views>, directory: TempDir) -> Self {
        views.prepare(ALL_COLLECTIONS).await.unwrap();
        let log = EmbeddedLog::open(&directory.path().join("log.db")).await.unwrap();
        let names = Topics::default().names(&TOPICS);
        let names = names.iter().cloned().chain(names.iter().map(|name| Topics::dead_letters(name)));
        let spec = |name| TopicSpec { name, partitions: 3, replication: -1, config: Vec::new() };
        log.create_topics(&names.map(spec).collect::<Vec<_>>()).await.unwrap();
        Self { views, log: Arc::new(log), store: None, directory: Arc::new(directory) }
    }

    /// With an empty outbox.
    pub(crate) async fn with_outbox(mut self) -> Self {
        let store = Db::sqlite(&self.directory.path().join("store.db")).await.unwrap();
        let tables =
            [esteira_outbox::SCHEMA, esteira_users::SCHEMA, esteira_products::SCHEMA, esteira_orders::SCHEMA];
        migrate(&store, &tables).await.unwrap();
        self.store = Some(store);
        self
    }

    /// A projector as a process that has just started has it.
    pub(crate) fn projector(&self) -> Arc<Projector> {
        self.projector_on(Arc::clone(&self.views))
    }

    /// A projector whose calls of the views pass `hooks` first.
    pub(crate) fn hooked(&self, hooks: &Arc<Hooked>) -> Arc<Projector> {
        self.projector_on(Arc::clone(hooks) as Arc<dyn Views>)
    }

    fn projector_on(&self, views: Arc<dyn Views>) -> Arc<Projector> {
        let log = Arc::clone(&self.log) as Arc<dyn Log>;
        Arc::new(Projector::new(views, log, self.store.clone(), Topics::default(), GROUP.to_owned()))
    }

    pub(crate) async fn handle(&self, records: &[Record]) {
        self.projector().handle(records).await.unwrap();
    }

    /// What a fresh projector's first tick does: it retries what is due and sweeps.
    pub(crate) async fn sweep(&self) {
        self.projector().tick().await.unwrap();
    }

    pub(crate) async fn all(&self, collection: &Collection) -> Vec<Document> {
        let query = Query { filters: Vec::new(), sort: Sort::ascending("_id"), after: None, limit: 10_000 };
        self.views.find(collection, &query).await.unwrap()
    }

    pub(crate) async fn user(&self, id: i64) -> Option<UserView> {
        self.get(&USERS, id).await.map(|document| from_document(document).unwrap())
    }

    pub(crate) async fn product(&self, id: i64) -> Option<ProductView> {
        self.get(&PRODUCTS, id).await.map(|document| from_document(document).unwrap())
    }

    pub(crate) async fn order(&self, id: i64) -> Option<OrderView> {
        self.get(&ORDERS, id).await.map(|document| from_document(document).unwrap())
    }

    async fn get(&self, collection: &Collection, id: i64) -> Option<Document> {
        self.views.get(collection, &[DocId::Int(id)]).await.unwrap().pop()
    }

    /// The parked documents' ids and states.
    pub(crate) async fn parked(&self) -> Vec<(String, String)> {
        let parked = self.all(&PARKED).await;
        let state = |document: &Document| document.body["state"].as_str().unwrap().to_owned();
        parked.iter().map(|document| (document.id.to_string(), state(document))).collect()
    }

    /// Makes every scheduled attempt due.
    pub(crate) async fn let_time_pass(&self) {
        let set = serde_json::json!({ "next_attempt_at": "2020-01-01T00:00:00.000Z" });
        let Value::Object(set) = set else { unreachable!() };
        let retries = vec![Filter::eq("state", "retry")];
        self.views.update_where(&PARKED, vec![(retries, set)]).await.unwrap();
    }

    /// The dead letters of `topic`, as the records that they were made of, and the letters themselves.
    pub(crate) async fn dead_letters(&self, topic: &str) -> Vec<(Record, Record)> {
        let mut letters = Vec::new();
        for partition in 0..3 {
            letters.extend(self.log.read(&Topics::dead_letters(topic), partition, 0, 1_000).await.unwrap());
        }
        letters.into_iter().map(|letter| (original(&letter).unwrap(), letter)).collect()
    }
}
