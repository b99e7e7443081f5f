//! A store for each test: a SQLite file of its own, or a MongoDB database of its own that is dropped at the end.

use std::sync::Arc;

use esteira_views::{
    Collection, DocId, Document, Fields, Filter, Index, MongoViews, Outcome, Query, Sort, SqliteViews, Views,
    Write,
};
use serde_json::Value;

/// What the tests write to.
pub(crate) const THINGS: Collection = Collection {
    name: "views.things",
    dates: &["made_at"],
    doubles: &["price"],
    indexes: &[
        Index::on("things_price", &["price", "_id"]),
        Index::on("things_made_at", &["made_at", "_id"]),
        Index::on_array("things_lines", &["lines.product_id"]),
    ],
};

/// A store under test.
pub(crate) type Store = Arc<dyn Views>;

pub(crate) async fn with_sqlite<F: Future<Output = ()>>(test: impl FnOnce(Store) -> F) {
    let directory = tempfile::tempdir().unwrap();
    let views = SqliteViews::open(&directory.path().join("views.db")).await.unwrap();
    views.prepare(&[&THINGS]).await.unwrap();
    test(Arc::new(views.clone())).await;
    views.close().await;
}

pub(crate) async fn with_mongo<F>(test: impl FnOnce(Store) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    with_mongo_views(|views| test(Arc::new(views))).await;
}

pub(crate) async fn with_mongo_views<F>(test: impl FnOnce(MongoViews) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let Some(uri) = esteira_testkit::engine("the MongoDB wire protocol", "MONGO_URI") else { return };
    let (base, options) = uri.split_once('?').map_or((uri.as_str(), ""), |(base, options)| (base, options));
    let host = base.trim_start_matches("mongodb://").split('/').next().unwrap();
    let name = format!("test_{}", uuid::Uuid::now_v7().simple());
    let views = MongoViews::connect(&format!("mongodb://{host}/{name}?{options}")).await.unwrap();
    views.prepare(&[&THINGS]).await.unwrap();
    let outcome = tokio::spawn(test(views.clone())).await;
    views.database().drop().await.unwrap();
    outcome.unwrap();
}

/// Fields from a JSON object.
pub(crate) fn fields(value: Value) -> Fields {
    serde_json::from_value(value).unwrap()
}

/// Stores documents, whatever is there.
pub(crate) async fn given(store: &Store, documents: impl IntoIterator<Item = (i64, Value)>) {
    let upsert = |(id, body)| Write::Upsert { collection: &THINGS, id: DocId::Int(id), set: fields(body) };
    let outcomes = store.write(documents.into_iter().map(upsert).collect()).await.unwrap();
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Applied));
}

pub(crate) async fn stored(store: &Store, id: i64) -> Option<Document> {
    store.get(&THINGS, &[DocId::Int(id)]).await.unwrap().pop()
}

/// The ids that match, ascending, which are the same where the filters are asked of the documents in hand.
pub(crate) async fn matching(store: &Store, filters: Vec<Filter>) -> Vec<i64> {
    let all = Query { filters: Vec::new(), sort: Sort::ascending("_id"), after: None, limit: 1_000 };
    let mut in_hand = store.find(&THINGS, &all).await.unwrap();
    in_hand.retain(|document| filters.iter().all(|filter| filter.matches(document)));
    let found = ids(&store.find(&THINGS, &Query { filters, ..all }).await.unwrap());
    assert_eq!(ids(&in_hand), found);
    found
}

pub(crate) fn ids(documents: &[Document]) -> Vec<i64> {
    documents
        .iter()
        .map(|document| match &document.id {
            DocId::Int(id) => *id,
            DocId::Text(text) => panic!("`{text}` is not a number"),
        })
        .collect()
}
