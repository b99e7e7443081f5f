use esteira_views::{Collection, DocId, Guard, Outcome, ViewsError, Write};
use serde_json::{Value, json};

use Outcome::{Applied, Stale};

use crate::engines::{Store, THINGS, fields, given, stored};

static PLACES: Collection = Collection { name: "views.places", dates: &[], doubles: &[], indexes: &[] };

fn put(id: i64, guard: Guard, set: Value) -> Write {
    Write::Put { collection: &THINGS, id: DocId::Int(id), guard, set: fields(set) }
}

fn delete(id: i64, guard: Option<i64>) -> Write {
    Write::Delete { collection: &THINGS, id: DocId::Int(id), guard }
}

async fn one(store: &Store, write: Write) -> Outcome {
    store.write(vec![write]).await.unwrap()[0]
}

async fn of_twenty_concurrent_creations_one_is_applied(store: Store) {
    let writers: Vec<_> = (0..20)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                one(&store, put(1, Guard::Absent, json!({ "version": 1, "writer": writer }))).await
            })
        })
        .collect();
    let mut applied = Vec::new();
    for (writer, task) in writers.into_iter().enumerate() {
        if task.await.unwrap() == Outcome::Applied {
            applied.push(writer);
        }
    }
    assert_eq!(applied.len(), 1, "{applied:?}");
    assert_eq!(stored(&store, 1).await.unwrap().body["writer"], json!(applied[0]));
}

async fn of_twenty_concurrent_changes_of_a_version_one_is_applied(store: Store) {
    given(&store, [(1, json!({ "version": 1 }))]).await;
    let writers: Vec<_> = (0..20)
        .map(|writer| {
            let store = store.clone();
            let set = json!({ "version": 2, "writer": writer });
            tokio::spawn(async move { one(&store, put(1, Guard::Version(1), set)).await })
        })
        .collect();
    let mut applied = 0;
    for task in writers {
        applied += usize::from(task.await.unwrap() == Outcome::Applied);
    }
    assert_eq!(applied, 1);
    assert_eq!(stored(&store, 1).await.unwrap().version(), 2);
}

async fn concurrent_upserts_of_a_new_document_all_succeed(store: Store) {
    let writers: Vec<_> = (0..20)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move { given(&store, [(1, json!({ format!("w{writer}"): true }))]).await })
        })
        .collect();
    for task in writers {
        task.await.unwrap();
    }
    assert_eq!(stored(&store, 1).await.unwrap().body.len(), 20);
}

/// A database that locks documents would have each wait for one that the other has.
async fn writers_of_the_same_documents_in_opposite_orders_do_not_fail_each_other(store: Store) {
    const DOCUMENTS: i64 = 100;
    for round in 0..6 {
        let writers = [false, true].map(|backwards| {
            let store = store.clone();
            let id = move |n: i64| round * DOCUMENTS + if backwards { DOCUMENTS - n } else { n + 1 };
            tokio::spawn(async move {
                let writes = (0..DOCUMENTS).map(|n| put(id(n), Guard::Absent, json!({ "version": 1 })));
                store.write(writes.collect()).await.unwrap()
            })
        });
        let mut applied = 0;
        for writer in writers {
            applied += writer.await.unwrap().iter().filter(|outcome| **outcome == Applied).count();
        }
        assert_eq!(applied, 100);
    }
}

async fn a_put_sets_its_fields_and_leaves_the_others(store: Store) {
    let nested = json!({ "version": 1, "name": "a", "user": { "name": "x", "email": "y" }, "gone": 1 });
    assert_eq!(one(&store, put(1, Guard::Absent, nested)).await, Outcome::Applied);
    let set = json!({ "version": 2, "user": { "name": "z" }, "gone": null });
    assert_eq!(one(&store, put(1, Guard::Version(1), set)).await, Outcome::Applied);
    let expected = json!({ "version": 2, "name": "a", "user": { "name": "z" } });
    assert_eq!(Value::Object(stored(&store, 1).await.unwrap().body), expected);
}

async fn each_write_of_a_call_has_its_own_outcome(store: Store) {
    given(&store, [(1, json!({ "version": 3 })), (2, json!({ "version": 3 })), (3, json!({ "version": 3 }))])
        .await;
    let outcomes = store
        .write(vec![
            put(1, Guard::Version(2), json!({ "version": 4 })),
            delete(2, Some(1)),
            put(4, Guard::Absent, json!({ "version": 1 })),
            put(2, Guard::Absent, json!({ "version": 9 })),
            delete(3, Some(3)),
            put(1, Guard::Version(3), json!({ "version": 4 })),
        ])
        .await
        .unwrap();
    assert_eq!(outcomes, [Stale, Stale, Applied, Stale, Applied, Applied]);
    assert_eq!(stored(&store, 1).await.unwrap().version(), 4);
    assert_eq!(stored(&store, 2).await.unwrap().version(), 3);
    assert!(stored(&store, 3).await.is_none());
    assert_eq!(stored(&store, 4).await.unwrap().version(), 1);
}

async fn many_writes_of_a_call_keep_their_places(store: Store) {
    given(&store, (0..2_500).filter(|id| id % 3 == 0).map(|id| (id, json!({ "version": 1 })))).await;
    let writes = (0..2_500).map(|id| put(id, Guard::Absent, json!({ "version": 1 }))).collect();
    for (id, outcome) in store.write(writes).await.unwrap().into_iter().enumerate() {
        assert_eq!(outcome == Outcome::Stale, id % 3 == 0, "{id}");
    }
}

async fn a_put_does_not_bring_a_deleted_document_back(store: Store) {
    given(&store, [(1, json!({ "version": 3, "name": "a" }))]).await;
    assert_eq!(one(&store, delete(1, Some(3))).await, Outcome::Applied);
    assert_eq!(one(&store, put(1, Guard::Version(3), json!({ "version": 4 }))).await, Outcome::Stale);
    assert!(stored(&store, 1).await.is_none());
    assert_eq!(one(&store, put(1, Guard::Version(0), json!({ "version": 4 }))).await, Outcome::Stale);
    assert!(stored(&store, 1).await.is_none());
}

async fn a_late_put_is_not_seen_for_a_moment(store: Store) {
    let writer = tokio::spawn({
        let store = store.clone();
        async move {
            for _ in 0..100 {
                assert_eq!(
                    one(&store, put(1, Guard::Version(3), json!({ "version": 4 }))).await,
                    Outcome::Stale
                );
            }
        }
    });
    while !writer.is_finished() {
        assert!(stored(&store, 1).await.is_none());
    }
    writer.await.unwrap();
}

async fn deleting_what_is_not_there_is_done(store: Store) {
    assert_eq!(one(&store, delete(1, Some(3))).await, Outcome::Applied);
    assert_eq!(one(&store, delete(1, None)).await, Outcome::Applied);
    given(&store, [(1, json!({ "version": 3 }))]).await;
    assert_eq!(one(&store, delete(1, None)).await, Outcome::Applied);
    assert!(stored(&store, 1).await.is_none());
}

async fn a_document_without_a_version_has_version_zero(store: Store) {
    given(&store, [(1, json!({ "name": "go" })), (2, json!({ "name": "go" }))]).await;
    assert_eq!(one(&store, put(1, Guard::Version(1), json!({ "version": 2 }))).await, Outcome::Stale);
    assert_eq!(one(&store, put(1, Guard::Version(0), json!({ "version": 2 }))).await, Outcome::Applied);
    assert_eq!(stored(&store, 1).await.unwrap().version(), 2);
    assert_eq!(one(&store, delete(2, Some(0))).await, Outcome::Applied);
}

async fn a_put_guarded_by_the_revision_does_not_overwrite_a_change_that_left_the_version_alone(store: Store) {
    let at = |version, revision| Guard::Unchanged { version, revision };
    given(&store, [(1, json!({ "version": 3 })), (2, json!({ "name": "go" }))]).await;
    assert_eq!(one(&store, put(1, at(3, 0), json!({ "revision": 1, "a": 1 }))).await, Applied);
    assert_eq!(one(&store, put(1, at(3, 0), json!({ "revision": 1, "b": 1 }))).await, Stale);
    assert_eq!(one(&store, put(1, at(2, 1), json!({ "version": 9 }))).await, Stale);
    assert_eq!(one(&store, put(1, at(3, 1), json!({ "version": 4, "b": 2 }))).await, Applied);
    let expected = json!({ "version": 4, "revision": 1, "a": 1, "b": 2 });
    assert_eq!(Value::Object(stored(&store, 1).await.unwrap().body), expected);
    assert_eq!(one(&store, put(2, at(0, 0), json!({ "revision": 1 }))).await, Applied);
    assert_eq!(one(&store, put(3, at(0, 0), json!({ "revision": 1 }))).await, Stale);
    assert!(stored(&store, 3).await.is_none());
}

async fn a_creation_without_a_version_stores_none(store: Store) {
    assert_eq!(one(&store, put(1, Guard::Absent, json!({ "name": "a" }))).await, Outcome::Applied);
    assert_eq!(Value::Object(stored(&store, 1).await.unwrap().body), json!({ "name": "a" }));
    assert_eq!(one(&store, put(2, Guard::Absent, json!({}))).await, Outcome::Applied);
    assert_eq!(Value::Object(stored(&store, 2).await.unwrap().body), json!({}));
}

async fn upserts_go_first_and_deletes_last_across_collections(store: Store) {
    store.prepare(&[&PLACES]).await.unwrap();
    given(&store, [(1, json!({ "version": 1 }))]).await;
    let tombstone = Write::Upsert {
        collection: &PLACES,
        id: DocId::from("thing:1"),
        set: fields(json!({ "aggregate": "thing", "version": 2 })),
    };
    assert_eq!(store.write(vec![delete(1, Some(1)), tombstone]).await.unwrap(), [Outcome::Applied; 2]);
    assert!(stored(&store, 1).await.is_none());
    let found = store.get(&PLACES, &[DocId::from("thing:1"), DocId::from("thing:2")]).await.unwrap();
    assert_eq!((found.len(), &found[0].id, found[0].version()), (1, &DocId::from("thing:1"), 2));
}

async fn a_document_that_is_too_large_is_refused(store: Store) {
    let text = "x".repeat(17 * 1024 * 1024);
    let refused = store.write(vec![put(1, Guard::Absent, json!({ "version": 1, "text": text }))]).await;
    assert!(matches!(refused, Err(ViewsError::Rejected(_))), "{refused:?}");
    assert!(stored(&store, 1).await.is_none());
}

async fn a_field_name_that_would_be_an_operator_is_refused(store: Store) {
    for name in ["$where", "user.name", "_id", ""] {
        let refused = store.write(vec![put(1, Guard::Absent, json!({ name: 1 }))]).await;
        assert!(matches!(refused, Err(ViewsError::Rejected(_))), "{name}: {refused:?}");
    }
}

async fn nested_json_comes_back_as_it_was(store: Store) {
    let record = json!({
        "headers": { "ce_id": "1", "dotted.name": "a", "$dollar": "b" }, "empty": {}, "list": [1, 2.5, "x", true, [null]],
        "text": "ação ' \" % _ $where \u{1F600}", "big": i64::MAX,
    });
    given(&store, [(1, json!({ "record": record }))]).await;
    assert_eq!(stored(&store, 1).await.unwrap().body["record"], record);
}

async fn nothing_to_write_is_no_error(store: Store) {
    assert_eq!(store.write(Vec::new()).await.unwrap(), []);
    assert!(store.get(&THINGS, &[]).await.unwrap().is_empty());
}

crate::on_every_engine!(
    of_twenty_concurrent_creations_one_is_applied,
    of_twenty_concurrent_changes_of_a_version_one_is_applied,
    concurrent_upserts_of_a_new_document_all_succeed,
    writers_of_the_same_documents_in_opposite_orders_do_not_fail_each_other,
    a_put_sets_its_fields_and_leaves_the_others,
    each_write_of_a_call_has_its_own_outcome,
    many_writes_of_a_call_keep_their_places,
    a_put_does_not_bring_a_deleted_document_back,
    a_late_put_is_not_seen_for_a_moment,
    deleting_what_is_not_there_is_done,
    a_document_without_a_version_has_version_zero,
    a_put_guarded_by_the_revision_does_not_overwrite_a_change_that_left_the_version_alone,
    a_creation_without_a_version_stores_none,
    upserts_go_first_and_deletes_last_across_collections,
    a_document_that_is_too_large_is_refused,
    a_field_name_that_would_be_an_operator_is_refused,
    nested_json_comes_back_as_it_was,
    nothing_to_write_is_no_error,
);
