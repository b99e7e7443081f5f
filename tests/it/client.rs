//! A client that retries with its Idempotency-Key until it has an answer, and keeps a ledger of the answers.

use std::time::{Duration, Instant};

use esteira_testkit::DEADLINE;
use reqwest::{Client, StatusCode};
use serde_json::Value;
use uuid::Uuid;

const PAUSE: Duration = Duration::from_millis(20);

/// Talks to one platform. Cloning shares the connections.
#[derive(Clone)]
pub struct Shop {
    client: Client,
    ports: super::platform::Ports,
}

/// What an order's client was told.
#[derive(Clone, Debug)]
pub struct Receipt {
    pub order_id: i64,
    pub product_id: i64,
    pub quantity: i64,
    /// The answers to what was asked after the creation.
    pub paid: Option<bool>,
    pub canceled: Option<bool>,
}

impl Shop {
    pub fn new(ports: super::platform::Ports) -> Self {
        Self { client: Client::builder().timeout(Duration::from_secs(10)).build().unwrap(), ports }
    }

    /// Sends a command until it is answered by anything but an outage.
    pub async fn command(&self, port: u16, path: &str, body: Value) -> (StatusCode, Value) {
        let key = Uuid::new_v4().to_string();
        let deadline = Instant::now() + 2 * DEADLINE;
        loop {
            let request =
                self.client.post(format!("http://127.0.0.1:{port}{path}")).header("Idempotency-Key", &key);
            if let Ok(answer) = request.json(&body).send().await
                && answer.status() != StatusCode::SERVICE_UNAVAILABLE
            {
                let status = answer.status();
                if let Ok(body) = answer.json().await {
                    return (status, body);
                }
            }
            assert!(Instant::now() < deadline, "no answer to POST {path}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    pub async fn user(&self, name: &str) -> i64 {
        let body = serde_json::json!({"name": name, "email": format!("{name}@example.com")});
        created(&self.command(self.ports.users, "/users", body).await)
    }

    pub async fn product(&self, name: &str, stock: i64) -> i64 {
        let body = serde_json::json!({"name": name, "price": 9.9, "stock": stock});
        created(&self.command(self.ports.products, "/products", body).await)
    }

    pub async fn order(&self, user: i64, product: i64, quantity: i64) -> Receipt {
        let items = serde_json::json!([{"product_id": product, "quantity": quantity}]);
        let body = serde_json::json!({"user_id": user, "items": items});
        let order_id = created(&self.command(self.ports.orders, "/orders", body).await);
        Receipt { order_id, product_id: product, quantity, paid: None, canceled: None }
    }

    /// Pays; refused only where the platform was faster and cancelled.
    pub async fn pay(&self, receipt: &mut Receipt) {
        let path = format!("/orders/{}/pay", receipt.order_id);
        let body = serde_json::json!({"payment_method": "pix"});
        receipt.paid = Some(done(&self.command(self.ports.orders, &path, body).await));
    }

    pub async fn cancel(&self, receipt: &mut Receipt) {
        let path = format!("/orders/{}/cancel", receipt.order_id);
        let body = serde_json::json!({"reason": "changed mind"});
        receipt.canceled = Some(done(&self.command(self.ports.orders, &path, body).await));
    }
}

fn created((status, body): &(StatusCode, Value)) -> i64 {
    assert_eq!(*status, StatusCode::CREATED, "{body}");
    body["data"]["id"].as_i64().unwrap()
}

fn done((status, body): &(StatusCode, Value)) -> bool {
    assert!([StatusCode::OK, StatusCode::BAD_REQUEST].contains(status), "{status} {body}");
    *status == StatusCode::OK
}
