//! What clients meet: the story of an order, and every refusal as a problem that names its field.

use esteira_testkit::eventually;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use super::harness::platform::Platform;

struct Api {
    client: Client,
    platform: Platform,
}

impl Api {
    async fn new() -> Self {
        Self { client: Client::new(), platform: Platform::embedded().await }
    }

    async fn send(&self, method: Method, port: u16, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let mut request = self.client.request(method, format!("http://127.0.0.1:{port}{path}"));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    async fn post(&self, port: u16, path: &str, body: Value) -> (StatusCode, Value) {
        self.send(Method::POST, port, path, Some(body)).await
    }

    async fn get(&self, port: u16, path: &str) -> (StatusCode, Value) {
        self.send(Method::GET, port, path, None).await
    }

    /// A user, a product with five pieces, and their ids.
    async fn shop(&self) -> (i64, i64) {
        let ports = self.platform.ports;
        let user = json!({"name": "Ana", "email": "ana@example.com"});
        let product = json!({"name": "Mouse", "price": 89.9, "stock": 5});
        let user = self.post(ports.users, "/users", user).await.1;
        let product = self.post(ports.products, "/products", product).await.1;
        (user["data"]["id"].as_i64().unwrap(), product["data"]["id"].as_i64().unwrap())
    }

    async fn order(&self, user: i64, product: i64, quantity: i64) -> i64 {
        let body = json!({"user_id": user, "items": [{"product_id": product, "quantity": quantity}]});
        let (status, body) = self.post(self.platform.ports.orders, "/orders", body).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        body["data"]["id"].as_i64().unwrap()
    }

    async fn view(&self, order: i64, field: &str, value: Value) -> Value {
        eventually(&format!("order {order} shows {field} {value}"), || async {
            let (_, view) = self.get(self.platform.ports.query, &format!("/q/orders/{order}")).await;
            (view[field] == value).then_some(view)
        })
        .await
    }
}

#[tokio::test]
async fn an_order_goes_its_way_from_command_to_view() {
    let api = Api::new().await;
    let ports = api.platform.ports;
    let (user, product) = api.shop().await;
    let order = api.order(user, product, 2).await;
    api.view(order, "reservation", json!("RESERVED")).await;
    let stock = api.get(ports.query, &format!("/q/products/{product}")).await.1;
    assert_eq!(stock["stock"], 3);
    let (status, _) =
        api.post(ports.orders, &format!("/orders/{order}/pay"), json!({"payment_method": "pix"})).await;
    assert_eq!(status, StatusCode::OK);
    let view = api.view(order, "status", json!("PAID")).await;
    assert_eq!((&view["total"], &view["payment_method"]), (&json!(179.8), &json!("pix")));
    for status in ["PROCESSING", "SHIPPED", "DELIVERED"] {
        let body = Some(json!({"status": status}));
        let answer = api.send(Method::PUT, ports.orders, &format!("/orders/{order}"), body).await;
        assert_eq!(answer.0, StatusCode::OK, "{}", answer.1);
    }
    api.view(order, "status", json!("DELIVERED")).await;
    let rename = Some(json!({"name": "Ana Souza"}));
    api.send(Method::PUT, ports.users, &format!("/users/{user}"), rename).await;
    let facet = json!({"id": user, "name": "Ana Souza", "email": "ana@example.com"});
    api.view(order, "user", facet).await;
    let history = api.get(ports.orders, &format!("/orders/{order}/events?limit=2")).await.1;
    assert_eq!((history["data"].as_array().unwrap().len(), &history["next_after"]), (2, &json!(2)));
}

#[tokio::test]
async fn an_order_without_stock_is_cancelled_by_the_platform_and_may_be_deleted() {
    let api = Api::new().await;
    let ports = api.platform.ports;
    let (user, product) = api.shop().await;
    let order = api.order(user, product, 6).await;
    let view = api.view(order, "status", json!("CANCELED")).await;
    assert_eq!(view["reservation"], "REJECTED");
    let (status, body) = api.post(ports.orders, &format!("/orders/{order}/pay"), json!({})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
    let (status, _) = api.post(ports.orders, &format!("/orders/{order}/refund"), json!({})).await;
    assert_eq!(status, StatusCode::CONFLICT);
    let (status, _) = api.send(Method::DELETE, ports.orders, &format!("/orders/{order}"), None).await;
    assert_eq!(status, StatusCode::OK);
    eventually("the view of the deleted order goes", || async {
        let (status, _) = api.get(ports.query, &format!("/q/orders/{order}")).await;
        (status == StatusCode::NOT_FOUND).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_reader_sees_its_own_write() {
    let api = Api::new().await;
    let ports = api.platform.ports;
    let body = json!({"name": "Ana", "email": "ana@example.com"});
    let answer =
        api.client.post(format!("http://127.0.0.1:{}/users", ports.users)).json(&body).send().await.unwrap();
    let token = answer.headers()["x-consistency-token"].clone();
    let read = api.client.get(format!("http://127.0.0.1:{}/q/users/1", ports.query));
    assert_eq!(read.header("x-consistency-token", token).send().await.unwrap().status(), StatusCode::OK);
    let read = api.client.get(format!("http://127.0.0.1:{}/q/users", ports.query));
    let answer = read.header("x-consistency-token", "user:1:2").send().await.unwrap();
    assert_eq!(
        (answer.status(), answer.headers()["retry-after"].as_bytes()),
        (StatusCode::SERVICE_UNAVAILABLE, &b"1"[..])
    );
    assert_eq!(answer.json::<Value>().await.unwrap()["code"], "not_yet_visible");
}

#[tokio::test]
async fn preconditions_and_keys_decide_what_a_retry_does() {
    let api = Api::new().await;
    let url = format!("http://127.0.0.1:{}/users", api.platform.ports.users);
    let ana = json!({"name": "Ana", "email": "ana@example.com"});
    let create = |body: &Value| api.client.post(&url).header("Idempotency-Key", "k1").json(body).send();
    let first = create(&ana).await.unwrap().text().await.unwrap();
    assert_eq!(create(&ana).await.unwrap().text().await.unwrap(), first);
    let other = create(&json!({"name": "Bia", "email": "bia@example.com"})).await.unwrap();
    assert_eq!(other.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let rename = |version: &'static str, name: &str| {
        api.client.put(format!("{url}/1")).header("If-Match", version).json(&json!({"name": name})).send()
    };
    assert_eq!(rename("\"1\"", "Ana S.").await.unwrap().status(), StatusCode::OK);
    assert_eq!(rename("\"1\"", "Ana T.").await.unwrap().status(), StatusCode::PRECONDITION_FAILED);
    let current = api.client.get(format!("{url}/1")).send().await.unwrap();
    assert_eq!(current.headers()["etag"], "\"2\"");
}

#[tokio::test]
async fn every_refused_command_names_its_field() {
    let api = Api::new().await;
    let ports = api.platform.ports;
    let (user, product) = api.shop().await;
    let line = |quantity: Value, price: Value| json!({"user_id": user, "items": [{"product_id": product, "quantity": quantity, "unit_price": price}]});
    let many: Vec<Value> = (1..=10_000).map(|id| json!({"product_id": id, "quantity": 1})).collect();
    let cases = [
        (ports.users, "/users", json!({"name": "Ana"}), 400, "email"),
        (ports.users, "/users", json!({"name": "Ana", "email": "nope"}), 400, "email"),
        (ports.users, "/users", json!({"name": "", "email": "b@example.com"}), 400, "name"),
        (ports.users, "/users", json!({"name": "a\u{0}b", "email": "b@example.com"}), 400, "name"),
        (ports.users, "/users", json!({"name": "Ana", "email": "ANA@example.com"}), 409, "email"),
        (ports.products, "/products", json!({"name": "x", "price": 0, "stock": 1}), 400, "price"),
        (ports.products, "/products", json!({"name": "x", "price": 1.001, "stock": 1}), 400, "price"),
        (ports.products, "/products", json!({"name": "x", "price": 1e300, "stock": 1}), 400, "price"),
        (ports.products, "/products", json!({"name": "x", "price": "1", "stock": 1}), 400, "price"),
        (ports.products, "/products", json!({"name": "x", "price": 1, "stock": -1}), 400, "stock"),
        (ports.products, "/products", json!({"name": "x", "price": 1, "stock": 1e40}), 400, "stock"),
        (ports.products, "/products/1/stock", json!({"delta": -6}), 409, "delta"),
        (ports.orders, "/orders", json!({"user_id": user, "items": []}), 400, "items"),
        (ports.orders, "/orders", json!({"user_id": user, "items": many}), 400, "items"),
        (
            ports.orders,
            "/orders",
            json!({"user_id": 999, "items": [{"product_id": 1, "quantity": 1}]}),
            404,
            "user_id",
        ),
        (
            ports.orders,
            "/orders",
            json!({"user_id": user, "items": [{"product_id": 999, "quantity": 1}]}),
            404,
            "items[0].product_id",
        ),
        (ports.orders, "/orders", line(json!(0), json!(1)), 400, "items[0].quantity"),
        (
            ports.orders,
            "/orders",
            line(json!(9_223_372_036_854_775_808_u64), json!(1)),
            400,
            "items[0].quantity",
        ),
        (ports.orders, "/orders", line(json!(1), json!(-1)), 400, "items[0].unit_price"),
        (ports.orders, "/orders", line(json!(2_147_483_647), json!(99_999_999.99)), 400, "items"),
    ];
    for (port, path, body, status, field) in cases {
        let shown = body.to_string().chars().take(120).collect::<String>();
        let (answered, problem) = api.post(port, path, body).await;
        assert_eq!(answered.as_u16(), status, "{path} {shown}: {problem}");
        assert_eq!(problem["errors"][0]["field"], field, "{path} {shown}: {problem}");
        assert!(problem["error"].is_string() && problem["code"].is_string(), "{problem}");
    }
}

#[tokio::test]
async fn a_refused_field_is_told_its_value_and_its_whole_range() {
    let api = Api::new().await;
    let ports = api.platform.ports;
    let (user, product) = api.shop().await;
    let item = |price: Value, stock: Value| json!({"name": "x", "price": price, "stock": stock});
    let lines = |lines: [Value; 2]| {
        let line = |it: Value| json!({"product_id": product, "quantity": it[0], "unit_price": it[1]});
        json!({"user_id": user, "items": lines.map(line)})
    };
    let price = "must be an amount from 0.01 to 99999999.99 with at most two decimals";
    let stock = "must be an integer from 0 to 2147483647";
    let sum =
        format!("must come to at most 2147483647 over all lines of product {product}, not to 2147483654");
    let same = format!("must be the same on every line of product {product}");
    let quantity = "must be an integer from 1 to 2147483647";
    let cases = [
        ("/products", item(json!(100_000_000), json!(1)), "price", json!(100_000_000.0), price),
        ("/products", item(json!(-1), json!(1)), "price", json!(-1.0), price),
        ("/products", item(json!(0.001), json!(1)), "price", json!(0.001), price),
        ("/products", item(json!(1), json!(1.5)), "stock", json!(1.5), stock),
        ("/products", item(json!(1), json!(1e30)), "stock", json!(1e30), stock),
        ("/products", item(json!(1), json!(2_147_483_648_i64)), "stock", json!(2_147_483_648_i64), stock),
        ("/products", item(json!(1), json!(u64::MAX)), "stock", json!(u64::MAX), stock),
        ("/orders", lines([json!([1, 1]), json!(["1", 1])]), "items[1].quantity", json!("1"), quantity),
        ("/orders", lines([json!([2_147_483_647, 0]), json!([7, 0])]), "items[1].quantity", json!(7), &sum),
        ("/orders", lines([json!([1, 1]), json!([1, 2])]), "items[1].unit_price", json!(2), &same),
    ];
    for (path, body, field, value, message) in cases {
        let port = if path == "/orders" { ports.orders } else { ports.products };
        let (status, problem) = api.post(port, path, body.clone()).await;
        let wanted = json!([{"field": field, "value": value, "message": message}]);
        assert_eq!((status.as_u16(), &problem["errors"]), (400, &wanted), "{body}");
    }
}

#[tokio::test]
async fn hostile_requests_are_problems_and_never_a_500() {
    let api = Api::new().await;
    let ports = api.platform.ports;
    let url = format!("http://127.0.0.1:{}/users", ports.users);
    let send = |body: Vec<u8>, kind: &'static str| {
        api.client.post(&url).header("content-type", kind).body(body).send()
    };
    let deep = format!("{{\"name\":{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let cases = [
        (send(b"{\"name\":".to_vec(), "application/json").await, 400),
        (send(Vec::new(), "application/json").await, 400),
        (send(vec![b'{', 0xff, 0xfe, b'}'], "application/json").await, 400),
        (send(deep.into_bytes(), "application/json").await, 400),
        (send(b"name=Ana".to_vec(), "application/x-www-form-urlencoded").await, 415),
        (send(vec![b' '; 2 * 1024 * 1024], "application/json").await, 413),
    ];
    for (answer, status) in cases {
        let answer = answer.unwrap();
        assert_eq!(answer.status().as_u16(), status);
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
    }
    for (method, path, status) in [
        (Method::GET, "/users/abc", 400),
        (Method::GET, "/users/0", 400),
        (Method::GET, "/users/99999999999999999999", 400),
        (Method::GET, "/users/1%20or%201=1", 400),
        (Method::GET, "/users/999", 404),
        (Method::GET, "/users?limit=0", 400),
        (Method::GET, "/nope", 404),
        (Method::PATCH, "/users/1", 405),
    ] {
        let (answered, problem) = api.send(method, ports.users, path, None).await;
        assert_eq!(answered.as_u16(), status, "{path}: {problem}");
    }
    let metacharacters =
        json!({"name": "'; drop table users; -- $where {\"$gt\": \"\"} %_", "email": "x@example.com"});
    let (status, body) = api.post(ports.users, "/users", metacharacters.clone()).await;
    assert_eq!((status, &body["data"]["name"]), (StatusCode::CREATED, &metacharacters["name"]));
    let twice = api.client.post(&url).header("Idempotency-Key", "a").header("Idempotency-Key", "b");
    let twice = twice.json(&json!({"name": "Bia", "email": "bia@example.com"})).send().await.unwrap();
    assert_eq!(twice.status(), StatusCode::BAD_REQUEST);
}
