use esteira_views::{DocId, Document, Filter, Query, Scalar, Sort};
use serde_json::{Value, json};

use crate::engines::{Store, THINGS, given, ids};

fn sort_value(document: &Document, path: &str) -> Scalar {
    match document.body.get(path) {
        Some(Value::Number(number)) => Scalar::Double(number.as_f64().unwrap()),
        Some(Value::String(text)) if path == "made_at" => Scalar::Date(text.parse().unwrap()),
        Some(Value::String(text)) => Scalar::Text(text.clone()),
        _ => Scalar::Null,
    }
}

/// Every id, page by page.
async fn walk(store: &Store, filters: Vec<Filter>, sort: Sort, limit: u32) -> Vec<i64> {
    let mut query = Query { filters, sort, after: None, limit };
    let mut seen = Vec::new();
    loop {
        let page = store.find(&THINGS, &query).await.unwrap();
        let Some(last) = page.last() else { return seen };
        assert!(page.len() <= limit as usize && seen.len() < 1_000);
        query.after = Some((sort_value(last, &query.sort.path), last.id.clone()));
        seen.extend(ids(&page));
    }
}

async fn pages_over_equal_values_have_every_document_once(store: Store) {
    given(
        &store,
        (1..=25).map(|id| {
            (id, json!({ "price": f64::from(i32::try_from(id % 3).unwrap()) / 2.0, "even": id % 2 }))
        }),
    )
    .await;
    let mut expected: Vec<i64> = (1..=25).collect();
    expected.sort_by_key(|id| (id % 3, *id));
    for limit in [1, 2, 4, 5, 24, 25, 500] {
        assert_eq!(walk(&store, vec![], Sort::ascending("price"), limit).await, expected, "{limit}");
        let reversed: Vec<i64> = expected.iter().rev().copied().collect();
        assert_eq!(walk(&store, vec![], Sort::descending("price"), limit).await, reversed, "{limit}");
    }
    expected.retain(|id| id % 2 == 0);
    assert_eq!(walk(&store, vec![Filter::eq("even", 0)], Sort::ascending("price"), 3).await, expected);
}

async fn pages_by_date_and_by_id_work_in_both_directions(store: Store) {
    given(
        &store,
        (1..=12).map(|id| (id, json!({ "made_at": format!("2026-11-22T12:43:00.{:03}Z", 20 - id / 2) }))),
    )
    .await;
    let all: Vec<i64> = (1..=12).collect();
    let reversed: Vec<i64> = all.iter().rev().copied().collect();
    assert_eq!(walk(&store, vec![], Sort::ascending("_id"), 5).await, all);
    assert_eq!(walk(&store, vec![], Sort::descending("_id"), 5).await, reversed);
    let mut by_date = all;
    by_date.sort_by_key(|id| (20 - id / 2, *id));
    assert_eq!(walk(&store, vec![], Sort::ascending("made_at"), 5).await, by_date);
    by_date.reverse();
    assert_eq!(walk(&store, vec![], Sort::descending("made_at"), 5).await, by_date);
}

async fn documents_without_the_sort_field_are_on_some_page(store: Store) {
    given(
        &store,
        (1..=9).map(|id| (id, if id % 3 == 0 { json!({ "n": 1 }) } else { json!({ "n": 1, "price": id }) })),
    )
    .await;
    let ascending = [3, 6, 9, 1, 2, 4, 5, 7, 8];
    for limit in [1, 2, 3, 4, 9] {
        assert_eq!(walk(&store, vec![], Sort::ascending("price"), limit).await, ascending, "{limit}");
        let descending: Vec<i64> = ascending.iter().rev().copied().collect();
        assert_eq!(walk(&store, vec![], Sort::descending("price"), limit).await, descending, "{limit}");
    }
}

async fn a_page_of_none_is_empty(store: Store) {
    given(&store, [(1, json!({ "n": 1 }))]).await;
    let after = Some((Scalar::Null, DocId::Int(0)));
    let query = Query { filters: vec![], sort: Sort::ascending("_id"), after, limit: 0 };
    assert!(store.find(&THINGS, &query).await.unwrap().is_empty());
}

crate::on_every_engine!(
    pages_over_equal_values_have_every_document_once,
    pages_by_date_and_by_id_work_in_both_directions,
    documents_without_the_sort_field_are_on_some_page,
    a_page_of_none_is_empty,
);
