use esteira_views::ORDERS;

use crate::client::{Api, order};

#[tokio::test]
async fn a_wrong_value_is_named_with_what_is_allowed() {
    let api = Api::new().await;
    let cases = [
        ("/q/orders?user_id=x", "user_id", "integer"),
        ("/q/orders?user_id=0", "user_id", "at least 1"),
        ("/q/orders?product_id=-1", "product_id", "at least 1"),
        ("/q/orders?status=LOST", "status", "DELIVERED"),
        ("/q/orders?status=", "status", "DELIVERED"),
        ("/q/orders?created_from=yesterday", "created_from", "2026-11-22"),
        ("/q/orders?created_to=2026-02-30", "created_to", "2026-11-22"),
        ("/q/orders?created_from=99999-01-01", "created_from", "2026-11-22"),
        ("/q/orders?created_to=0000-12-31", "created_to", "from the year 0001 to 9999"),
        ("/q/orders?created_from=2026-11-03&created_to=2026-11-02", "created_from", "created_to"),
        ("/q/orders?min_total=1.001", "min_total", "two decimals"),
        ("/q/orders?min_total=NaN", "min_total", "two decimals"),
        ("/q/orders?min_total=-1", "min_total", "two decimals"),
        ("/q/orders?max_total=1e3", "max_total", "two decimals"),
        ("/q/orders?min_total=2&max_total=1", "min_total", "max_total"),
        ("/q/orders?sort=name", "sort", "id, created_at, total"),
        ("/q/orders?order=up", "order", "asc or desc"),
        ("/q/orders?sort=-id&order=asc", "order", "minus"),
        ("/q/orders?limit=0", "limit", "1 to 500"),
        ("/q/orders?limit=501", "limit", "1 to 500"),
        ("/q/orders?limit=1&limit=2", "limit", "once"),
        ("/q/orders?cursor=abc", "cursor", "next_cursor"),
        ("/q/products?in_stock=maybe", "in_stock", "true or false"),
        ("/q/products?name=", "name", "1 to 255"),
        ("/q/users?email=%00", "email", "control"),
        ("/users?sort=total", "sort", "id, created_at"),
        ("/api/v1/orders?page=2", "page", "user_id, status, product_id"),
        ("/q/users/abc", "id", "positive integer"),
        ("/q/orders/0", "id", "positive integer"),
    ];
    for (path, field, allowed) in cases {
        let answer = api.get(path).await;
        let (named, message) = answer.refused();
        assert_eq!(named, field, "{path}");
        assert!(message.contains(allowed), "{path}: {message}");
    }
}

#[tokio::test]
async fn every_wrong_parameter_is_named_at_once() {
    let api = Api::new().await;
    let answer = api.get("/q/orders?nope=1&user_id=x&limit=0").await;
    let errors = answer.body["errors"].as_array().unwrap();
    let named: Vec<_> = errors.iter().map(|error| error["field"].as_str().unwrap()).collect();
    assert_eq!(named, ["nope", "user_id", "limit"]);
    assert_eq!(errors[1]["value"], "x");
}

#[tokio::test]
async fn a_cursor_is_bound_to_its_list() {
    let api = Api::new().await;
    for id in 1..=3 {
        api.given(&ORDERS, id, order(id, 1, "PAID", 1.0, &[1])).await;
    }
    let answer = api.get("/q/orders?limit=1&status=PAID&user_id=1").await;
    let cursor = answer.body["next_cursor"].as_str().unwrap().to_owned();
    let same = format!("/api/v1/orders?user_id=1&status=PAID&limit=2&cursor={cursor}");
    assert_eq!(api.ids(&same).await, [2, 3]);
    for other in [
        "orders?status=PAID",
        "orders?status=PAID&user_id=2",
        "orders?status=PAID&user_id=1&sort=total",
        "orders?status=PAID&user_id=1&order=desc",
        "users?limit=1",
    ] {
        let answer = api.get(&format!("/q/{other}&cursor={cursor}")).await;
        assert_eq!(answer.refused().0, "cursor", "{other}");
    }
}
