use chrono::{DateTime, Utc};
use esteira_views::{Filter, Scalar};
use serde_json::json;

use crate::engines::{Store, given, matching};

fn date(text: &str) -> Scalar {
    Scalar::Date(text.parse::<DateTime<Utc>>().unwrap())
}

fn contains(text: &str) -> Vec<Filter> {
    vec![Filter::Contains("name".into(), text.into())]
}

const NAMES: [&str; 12] = [
    "José Ana",
    "100% cotton",
    "a_b",
    "a.*b",
    "$where: 1",
    "o'brien",
    "back\\slash",
    "[set]",
    "x^y",
    "q?*q",
    "line\nbreak",
    "ÇÃO",
];

async fn text_is_found_in_any_case_and_every_character_stands_for_itself(store: Store) {
    given(&store, NAMES.iter().zip(1..).map(|(name, id)| (id, json!({ "name": name })))).await;
    given(&store, [(50, json!({ "name": 5 })), (51, json!({ "other": "x" }))]).await;
    let cases: [(&str, &[i64]); 22] = [
        ("jos", &[1]),
        ("JOSÉ", &[1]),
        ("josé ANA", &[1]),
        ("%", &[2]),
        ("_", &[3]),
        (".*", &[4]),
        ("$where", &[5]),
        ("'", &[6]),
        ("\\", &[7]),
        ("[", &[8]),
        ("]", &[8]),
        ("[set]", &[8]),
        ("^", &[9]),
        ("X^Y", &[9]),
        ("?", &[10]),
        ("*", &[4, 10]),
        ("\n", &[11]),
        ("ção", &[12]),
        ("5", &[]),
        ("' or 1=1 --", &[]),
        ("(", &[]),
        ("a.b", &[]),
    ];
    for (text, expected) in cases {
        assert_eq!(matching(&store, contains(text)).await, expected, "{text:?}");
    }
    assert_eq!(matching(&store, contains("")).await.len(), NAMES.len());
    for (name, id) in NAMES.iter().zip(1..) {
        let same = |text: String| vec![Filter::EqIgnoreCase("name".into(), text)];
        assert_eq!(matching(&store, same((*name).to_owned())).await, [id], "{name:?}");
        assert_eq!(matching(&store, same(name.to_lowercase())).await, [id], "{name:?}");
        let shorter = name.chars().take(name.chars().count() - 1).collect();
        assert_eq!(matching(&store, same(shorter)).await, [0; 0], "{name:?}");
        assert_eq!(matching(&store, vec![Filter::eq("name", *name)]).await, [id], "{name:?}");
    }
}

async fn equal_values_of_every_type_match(store: Store) {
    let day = "2026-11-22T12:43:00.990Z";
    given(&store, [
        (1, json!({ "n": 5, "price": 10, "flag": true, "made_at": day, "text": "5" })),
        (2, json!({ "n": 6, "price": 10.5, "flag": false, "made_at": "2026-11-22T12:43:00.991Z", "text": "a'b" })),
        (3, json!({ "n": null })),
    ])
    .await;
    let eq = |path: &str, value: Scalar| vec![Filter::Eq(path.into(), value)];
    assert_eq!(matching(&store, eq("n", Scalar::Int(5))).await, [1]);
    assert_eq!(matching(&store, eq("n", Scalar::Text("5".into()))).await, [0; 0]);
    assert_eq!(matching(&store, eq("price", Scalar::Double(10.0))).await, [1]);
    assert_eq!(matching(&store, eq("price", Scalar::Int(10))).await, [1]);
    assert_eq!(matching(&store, eq("flag", Scalar::Bool(false))).await, [2]);
    assert_eq!(matching(&store, eq("made_at", date(day))).await, [1]);
    assert_eq!(matching(&store, eq("text", Scalar::Text("a'b".into()))).await, [2]);
    assert_eq!(matching(&store, eq("_id", Scalar::Int(2))).await, [2]);
    assert_eq!(matching(&store, eq("n", Scalar::Null)).await, [3]);
    assert_eq!(matching(&store, vec![Filter::Missing("n".into())]).await, [3]);
    assert_eq!(matching(&store, vec![Filter::Missing("user.name".into())]).await, [1, 2, 3]);
    let among = |values| vec![Filter::In("n".into(), values)];
    assert_eq!(matching(&store, among(vec![Scalar::Int(6), Scalar::Int(5), Scalar::Int(9)])).await, [1, 2]);
    assert_eq!(matching(&store, among(vec![])).await, [0; 0]);
    let dates = Filter::In("made_at".into(), vec![date(day)]);
    assert_eq!(matching(&store, vec![dates, Filter::eq("n", 5)]).await, [1]);
}

async fn ranges_include_their_bounds_and_only_their_type(store: Store) {
    given(
        &store,
        (1..=9).map(|id| {
            (id, json!({ "n": id, "price": id, "made_at": format!("2026-11-22T12:43:00.00{id}Z") }))
        }),
    )
    .await;
    given(&store, [(20, json!({ "n": "text" })), (21, json!({}))]).await;
    let range = |path: &str, from: Option<Scalar>, to: Option<Scalar>| {
        vec![Filter::Range { path: path.into(), from, to }]
    };
    assert_eq!(matching(&store, range("n", Some(3.into()), Some(5.into()))).await, [3, 4, 5]);
    assert_eq!(matching(&store, range("n", Some(8.into()), None)).await, [8, 9]);
    assert_eq!(matching(&store, range("n", None, Some(2.into()))).await, [1, 2]);
    assert_eq!(matching(&store, range("n", Some("a".into()), None)).await, [20]);
    assert_eq!(matching(&store, range("n", None, None)).await, [1, 2, 3, 4, 5, 6, 7, 8, 9, 20]);
    assert_eq!(
        matching(&store, range("price", Some(Scalar::Double(7.5)), Some(Scalar::Double(8.0)))).await,
        [8]
    );
    let (from, to) = (date("2026-11-22T12:43:00.004Z"), date("2026-11-22T12:43:00.006Z"));
    assert_eq!(matching(&store, range("made_at", Some(from.clone()), Some(to))).await, [4, 5, 6]);
    assert_eq!(matching(&store, vec![Filter::LessThan("made_at".into(), from)]).await, [1, 2, 3]);
    assert_eq!(matching(&store, vec![Filter::less_than("n", 3)]).await, [1, 2]);
}

async fn an_element_of_an_array_matches_by_a_field(store: Store) {
    given(
        &store,
        [
            (1, json!({ "lines": [{ "product_id": 1, "price": 2 }, { "product_id": 2 }] })),
            (2, json!({ "lines": [{ "product_id": 3 }, {}] })),
            (3, json!({ "lines": [] })),
            (4, json!({ "lines": [1, "{", null] })),
            (5, json!({})),
        ],
    )
    .await;
    let line = |id: i64| {
        vec![Filter::AnyElement { array: "lines".into(), field: "product_id".into(), equals: id.into() }]
    };
    assert_eq!(matching(&store, line(2)).await, [1]);
    assert_eq!(matching(&store, line(3)).await, [2]);
    assert_eq!(matching(&store, line(9)).await, [0; 0]);
}

async fn all_filters_must_match_even_on_one_path(store: Store) {
    given(&store, (1..=9).map(|id| (id, json!({ "n": id, "name": "a" })))).await;
    let filters = vec![
        Filter::less_than("n", 8),
        Filter::less_than("n", 5),
        Filter::Range { path: "n".into(), from: Some(2.into()), to: None },
        Filter::Contains("name".into(), "A".into()),
    ];
    assert_eq!(matching(&store, filters).await, [2, 3, 4]);
}

crate::on_every_engine!(
    text_is_found_in_any_case_and_every_character_stands_for_itself,
    equal_values_of_every_type_match,
    ranges_include_their_bounds_and_only_their_type,
    an_element_of_an_array_matches_by_a_field,
    all_filters_must_match_even_on_one_path,
);
