use esteira_views::{ORDERS, PRODUCTS, USERS};
use serde_json::json;

use crate::client::{Api, at, order, product, user};

#[tokio::test]
async fn a_user_is_the_bare_document_with_an_entity_tag() {
    let api = Api::new().await;
    api.given(&USERS, 7, user(7)).await;
    let expected = json!({
        "id": 7, "name": "Ana 7", "email": "Ana7@example.com", "created_at": at(7), "updated_at": at(7), "version": 1,
    });
    for path in ["/q/users/7", "/users/7", "/api/v1/q/users/7", "/api/v1/users/7"] {
        let answer = api.get(path).await;
        assert_eq!((answer.status, &answer.body), (200, &expected), "{path}");
        assert_eq!(answer.headers["etag"], "\"1\"");
        assert_eq!(answer.headers["content-type"], "application/json");
    }
}

#[tokio::test]
async fn a_product_has_the_empty_description_of_go() {
    let api = Api::new().await;
    api.given(&PRODUCTS, 2, product(2, 3500.0, 6)).await;
    let expected = json!({
        "id": 2, "name": "Mouse 2", "description": "", "price": 3500, "stock": 6, "created_at": at(2), "updated_at": at(2),
        "version": 1,
    });
    assert_eq!(api.get("/q/products/2").await.body, expected);
    assert_eq!(api.get("/q/products").await.body, json!({ "products": [expected], "total": 1 }));
}

#[tokio::test]
async fn an_order_calls_its_total_total_and_hides_what_is_internal() {
    let api = Api::new().await;
    let mut document = order(1, 3, "PAID", 3679.8, &[5]);
    document["paid_at"] = json!(at(2));
    document["payment_method"] = json!("PIX");
    document["refund_due"] = json!(true);
    api.given(&ORDERS, 1, document).await;
    let expected = json!({
        "id": 1, "user_id": 3, "status": "PAID", "total": 3679.8,
        "user": { "id": 3, "name": "Ana", "email": "ana@example.com" },
        "items": [{ "product_id": 5, "quantity": 1, "unit_price": 10, "product": { "id": 5, "name": "Mouse", "price": 79.9, "stock": 5 } }],
        "created_at": at(1), "updated_at": at(1), "paid_at": at(2), "payment_method": "PIX", "refund_due": true,
        "reservation": "PENDING", "version": 1,
    });
    assert_eq!(api.get("/q/orders/1").await.body, expected);
    assert_eq!(api.get("/orders").await.body, json!({ "orders": [expected], "total": 1 }));
}

#[tokio::test]
async fn an_order_of_the_go_projector_is_served() {
    let api = Api::new().await;
    let mut document = order(1, 3, "CREATED", 269.700_000_000_000_05, &[5]);
    for ours in ["version", "reservation", "applied"] {
        document[ours] = json!(null);
    }
    api.given(&ORDERS, 1, document).await;
    let answer = api.get("/q/orders/1").await;
    assert_eq!((answer.status, &answer.body["total"]), (200, &json!(269.7)));
    assert_eq!(answer.headers["etag"], "\"0\"");
}

#[tokio::test]
async fn an_empty_list_is_a_list() {
    let api = Api::new().await;
    for name in ["users", "products", "orders"] {
        assert_eq!(api.get(&format!("/q/{name}")).await.body, json!({ name: [], "total": 0 }));
    }
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_with_gos_error() {
    let api = Api::new().await;
    for name in ["user", "product", "order"] {
        let answer = api.get(&format!("/q/{name}s/999")).await;
        assert_eq!(answer.status, 404);
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(answer.body["code"], json!(format!("{name}_not_found")));
        assert_eq!(answer.body["error"], json!(format!("{name} 999 not found")));
        assert_eq!(answer.body["instance"], json!(format!("/q/{name}s/999")));
    }
    assert_eq!(api.get("/q/carts").await.status, 404);
}
