use esteira_views::{DocId, Filter, Scalar, Views, ViewsDescription};
use serde_json::json;

use crate::engines::{Store, THINGS, fields, given, matching, stored};

async fn a_facet_is_replaced_only_by_a_newer_one(store: Store) {
    let facet = |version: i64| json!({ "user_id": 7, "user": { "id": 7, "name": "old", "version": version }, "version": 1 });
    given(
        &store,
        [(1, facet(1)), (2, facet(5)), (3, json!({ "user_id": 8, "user": { "id": 8, "version": 0 } }))],
    )
    .await;
    let newer = |version: i64, name: &str| {
        let filters = vec![Filter::eq("user_id", 7), Filter::less_than("user.version", version)];
        (filters, fields(json!({ "user.name": name, "user.version": version })))
    };
    let matched = store.update_where(&THINGS, vec![newer(3, "third"), newer(2, "second")]).await.unwrap();
    assert_eq!(matched, 1);
    let first = stored(&store, 1).await.unwrap();
    assert_eq!(first.body["user"], json!({ "id": 7, "name": "third", "version": 3 }));
    assert_eq!(first.version(), 1);
    assert_eq!(stored(&store, 2).await.unwrap().body["user"]["name"], json!("old"));
    assert_eq!(stored(&store, 3).await.unwrap().body["user"], json!({ "id": 8, "version": 0 }));
}

async fn updates_of_one_document_keep_their_order(store: Store) {
    given(&store, [(1, json!({}))]).await;
    // Too large for one command to have two of them.
    let text = "x".repeat(5 * 1024 * 1024);
    let updates = (0..6).map(|n| (vec![], fields(json!({ "n": n, "text": text }))));
    assert_eq!(store.update_where(&THINGS, updates.collect()).await.unwrap(), 6);
    assert_eq!(stored(&store, 1).await.unwrap().body["n"], json!(5));
}

async fn an_update_makes_parents_and_removes_by_null(store: Store) {
    given(&store, [(1, json!({ "name": "a", "old": { "x": 1, "y": 2 } }))]).await;
    let set = fields(json!({ "user.name": "n'\"", "old.x": null, "made_at": "2026-11-22T12:43:00.990Z" }));
    assert_eq!(store.update_where(&THINGS, vec![(vec![], set)]).await.unwrap(), 1);
    let expected = json!({ "name": "a", "old": { "y": 2 }, "user": { "name": "n'\"" }, "made_at": "2026-11-22T12:43:00.990Z" });
    assert_eq!(json!(stored(&store, 1).await.unwrap().body), expected);
}

async fn a_set_is_deleted_by_its_filters(store: Store) {
    given(&store, (1..=6).map(|id| (id, json!({ "group": id % 2 })))).await;
    assert_eq!(store.delete_where(&THINGS, &[Filter::eq("group", 0)]).await.unwrap(), 3);
    assert_eq!(matching(&store, vec![]).await, [1, 3, 5]);
    assert_eq!(store.delete_where(&THINGS, &[]).await.unwrap(), 3);
    assert!(matching(&store, vec![]).await.is_empty());
}

async fn a_count_stops_at_its_limit(store: Store) {
    given(&store, (1..=30).map(|id| (id, json!({ "even": id % 2 == 0 })))).await;
    let even = [Filter::Eq("even".into(), Scalar::Bool(true))];
    assert_eq!(store.count(&THINGS, &[], 100).await.unwrap(), 30);
    assert_eq!(store.count(&THINGS, &[], 30).await.unwrap(), 30);
    assert_eq!(store.count(&THINGS, &[], 7).await.unwrap(), 7);
    assert_eq!(store.count(&THINGS, &[], 0).await.unwrap(), 0);
    assert_eq!(store.count(&THINGS, &even, 100).await.unwrap(), 15);
}

async fn preparing_is_idempotent_and_safe_concurrently(store: Store) {
    let starts: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.prepare(esteira_views::ALL_COLLECTIONS).await })
        })
        .collect();
    for start in starts {
        start.await.unwrap().unwrap();
    }
    store.prepare(esteira_views::ALL_COLLECTIONS).await.unwrap();
}

async fn an_engine_describes_itself(store: Store) {
    let ViewsDescription { engine, version, address } = Views::describe(store.as_ref()).await.unwrap();
    assert!(["sqlite", "mongodb", "ferretdb"].contains(&engine));
    assert!(version.contains('.') && !address.is_empty());
}

async fn a_missing_collection_reads_as_empty_only_where_it_was_prepared(store: Store) {
    assert!(store.get(&THINGS, &[DocId::Int(1)]).await.unwrap().is_empty());
    assert_eq!(store.count(&THINGS, &[], 10).await.unwrap(), 0);
    assert_eq!(store.update_where(&THINGS, vec![]).await.unwrap(), 0);
}

crate::on_every_engine!(
    a_facet_is_replaced_only_by_a_newer_one,
    updates_of_one_document_keep_their_order,
    an_update_makes_parents_and_removes_by_null,
    a_set_is_deleted_by_its_filters,
    a_count_stops_at_its_limit,
    preparing_is_idempotent_and_safe_concurrently,
    an_engine_describes_itself,
    a_missing_collection_reads_as_empty_only_where_it_was_prepared,
);
