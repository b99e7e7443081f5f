use serde_json::{Value, json};

use crate::client::Api;

#[tokio::test]
async fn the_document_has_every_route_once_with_its_parameters_and_problems() {
    let document = Api::new().await.get("/openapi.json").await.body;
    let paths = document["paths"].as_object().unwrap();
    let names: Vec<_> = paths.keys().map(String::as_str).collect();
    let expected =
        ["/q/orders", "/q/orders/{id}", "/q/products", "/q/products/{id}", "/q/users", "/q/users/{id}"];
    assert!(names.contains(&"/q/orders/{id}/journey"), "{names:?}");
    assert!(names.contains(&"/q/orders/stream"), "{names:?}");
    assert_eq!(names.len(), expected.len() + 2);
    for path in expected {
        let get = &paths[path]["get"];
        for status in ["200", "400", "500", "503"] {
            assert!(get["responses"].get(status).is_some(), "{path} {status}");
        }
        assert!(parameters(get).contains(&"X-Consistency-Token"), "{path}");
    }
    let orders = parameters(&paths["/q/orders"]["get"]);
    for name in [
        "user_id",
        "status",
        "product_id",
        "created_from",
        "created_to",
        "min_total",
        "max_total",
        "sort",
        "order",
        "limit",
        "cursor",
    ] {
        assert!(orders.contains(&name), "{name}: {orders:?}");
    }
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["Order"]["properties"]["total"]["$ref"], json!("#/components/schemas/Money"));
    for name in [
        "Money",
        "Timestamp",
        "Order",
        "Orders",
        "OrderUser",
        "OrderItem",
        "OrderProduct",
        "User",
        "Users",
        "Product",
        "Products",
        "Problem",
    ] {
        assert!(schemas.get(name).is_some(), "{name}");
    }
}

fn parameters(operation: &Value) -> Vec<&str> {
    operation["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|parameter| parameter["name"].as_str().unwrap())
        .collect()
}
