use esteira_views::{ORDERS, PRODUCTS, USERS, Views, Write};
use serde_json::{Value, json};

use crate::client::{Api, order, product, user};

async fn with_orders() -> Api {
    let api = Api::new().await;
    let orders = [
        (1, 1, "CREATED", 10.0, [1, 2]),
        (2, 2, "PAID", 20.0, [2, 3]),
        (3, 1, "PAID", 20.0, [3, 3]),
        (4, 3, "SHIPPED", 269.700_000_000_000_05, [1, 4]),
        (5, 1, "CANCELED", 5.5, [5, 5]),
    ];
    for (id, user, status, total, products) in orders {
        api.given(&ORDERS, id, order(id, user, status, total, &products)).await;
    }
    api
}

#[tokio::test]
async fn orders_are_found_by_every_filter() {
    let api = with_orders().await;
    let cases: [(&str, &[i64]); 21] = [
        ("user_id=1", &[1, 3, 5]),
        ("user_id=9", &[]),
        ("status=PAID", &[2, 3]),
        ("status=paid,SHIPPED", &[2, 3, 4]),
        ("product_id=3", &[2, 3]),
        ("created_from=2026-11-04", &[4, 5]),
        ("created_to=2026-11-02", &[1, 2]),
        ("created_from=0001-01-01&created_to=9999-12-31", &[1, 2, 3, 4, 5]),
        ("created_from=2026-11-02T12:43:00.990Z&created_to=2026-11-03T12:43:00.990Z", &[2, 3]),
        ("created_from=2026-11-02T12:43:00.991Z&created_to=2026-11-03T12:43:00.989Z", &[]),
        ("created_from=2026-11-04T14:43:00.990+02:00", &[4, 5]),
        ("created_from=2026-11-04T14:43:00.990%2B02:00", &[4, 5]),
        ("min_total=20", &[2, 3, 4]),
        ("max_total=10", &[1, 5]),
        ("min_total=269.7&max_total=269.70", &[4]),
        ("min_total=269.71", &[]),
        ("max_total=269.69", &[1, 2, 3, 5]),
        ("user_id=1&status=PAID", &[3]),
        ("sort=-created_at&user_id=1", &[5, 3, 1]),
        ("sort=total", &[5, 1, 2, 3, 4]),
        ("sort=total&order=desc", &[4, 3, 2, 1, 5]),
    ];
    for (query, expected) in cases {
        assert_eq!(api.ids(&format!("/q/orders?{query}")).await, expected, "{query}");
    }
    assert_eq!(api.ids("/q/orders?order=desc").await, [5, 4, 3, 2, 1]);
}

#[tokio::test]
async fn products_are_found_by_every_filter() {
    let api = Api::new().await;
    for (id, price, stock) in [(1, 10.0, 0), (2, 79.9, 5), (3, 3500.0, 1)] {
        api.given(&PRODUCTS, id, product(id, price, stock)).await;
    }
    let cases: [(&str, &[i64]); 8] = [
        ("name=MOUSE%202", &[2]),
        ("name=%25", &[]),
        ("min_price=79.9", &[2, 3]),
        ("max_price=79.90", &[1, 2]),
        ("in_stock=true", &[2, 3]),
        ("in_stock=false", &[1]),
        ("sort=-price", &[3, 2, 1]),
        ("sort=price&min_price=10&in_stock=true", &[2, 3]),
    ];
    for (query, expected) in cases {
        assert_eq!(api.ids(&format!("/q/products?{query}")).await, expected, "{query}");
    }
}

#[tokio::test]
async fn users_are_found_by_email_and_name() {
    let api = Api::new().await;
    for id in 1..=12 {
        api.given(&USERS, id, user(id)).await;
    }
    assert_eq!(api.ids("/q/users?email=ana1@EXAMPLE.com").await, [1]);
    assert_eq!(api.ids("/q/users?email=na1@example.com").await, [0; 0]);
    assert_eq!(api.ids("/q/users?name=ana%201").await, [1, 10, 11, 12]);
    assert_eq!(api.ids("/q/users?name=ana+1&sort=-id&limit=2").await, [12, 11]);
}

/// Every page of a list, by its cursors.
async fn walk(api: &Api, path: &str) -> Vec<i64> {
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let answer = api.get(&format!("{path}{cursor}")).await;
        assert_eq!(answer.body["total"], json!(23));
        seen.extend(answer.ids());
        let Some(next) = answer.body.get("next_cursor").and_then(Value::as_str) else { return seen };
        assert!(next.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        cursor = format!("&cursor={next}");
        assert!(seen.len() < 100);
    }
}

#[tokio::test]
async fn cursors_lead_through_a_list_in_any_order() {
    let api = Api::new().await;
    for id in 1..=23 {
        let total = f64::from(i32::try_from(id % 4).unwrap()) + 0.7;
        api.given(&ORDERS, id, order(id, 1, "PAID", total, &[1])).await;
    }
    let ids: Vec<i64> = (1..=23).collect();
    let mut by_total = ids.clone();
    by_total.sort_by_key(|id| (id % 4, *id));
    for (sort, mut expected) in [("id", ids.clone()), ("created_at", ids), ("total", by_total)] {
        for limit in [1, 5, 22, 23, 500] {
            assert_eq!(walk(&api, &format!("/q/orders?limit={limit}&sort={sort}")).await, expected, "{sort}");
        }
        expected.reverse();
        assert_eq!(
            walk(&api, &format!("/q/orders?limit=4&user_id=1&sort=-{sort}")).await,
            expected,
            "{sort}"
        );
    }
}

#[tokio::test]
async fn a_total_over_ten_thousand_is_a_lower_bound() {
    let api = Api::new().await;
    let upsert = |id: i64| Write::Upsert {
        collection: &USERS,
        id: id.into(),
        set: serde_json::from_value(json!({ "name": "a" })).unwrap(),
    };
    api.views.write((1..=10_000).map(upsert).collect()).await.unwrap();
    let exact = api.get("/q/users?limit=1").await.body;
    assert_eq!((&exact["total"], exact.get("total_is_lower_bound")), (&json!(10_000), None));
    api.views.write(vec![upsert(10_001), upsert(10_002)]).await.unwrap();
    let bound = api.get("/q/users").await;
    assert_eq!((&bound.body["total"], &bound.body["total_is_lower_bound"]), (&json!(10_000), &json!(true)));
    assert_eq!(bound.ids().len(), 500);
}

#[tokio::test]
async fn an_unreadable_document_does_not_take_the_list_down() {
    let api = with_orders().await;
    api.given(&ORDERS, 2, json!({ "items": "spoiled" })).await;
    assert_eq!(api.ids("/q/orders").await, [1, 3, 4, 5]);
    let single = api.get("/q/orders/2").await;
    assert_eq!((single.status, &single.body["code"]), (500, &json!("internal_error")));
}
