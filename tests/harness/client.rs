//! A client that retries with its Idempotency-Key until it has an answer, and keeps a ledger of the answers.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use esteira_testkit::DEADLINE;
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use uuid::Uuid;

use super::platform::Ports;

const PAUSE: Duration = Duration::from_millis(20);

/// The ports of the command services; a retry goes to the next one of its service.
#[derive(Clone, Debug)]
pub struct Doors {
    pub users: Vec<u16>,
    pub products: Vec<u16>,
    pub orders: Vec<u16>,
}

impl From<Ports> for Doors {
    fn from(ports: Ports) -> Self {
        Self { users: vec![ports.users], products: vec![ports.products], orders: vec![ports.orders] }
    }
}

/// What clients were told, counted while they are at it.
#[derive(Debug, Default)]
pub struct Answers {
    /// Orders that were accepted.
    pub orders: AtomicU64,
    /// Commands that were answered, orders included.
    pub commands: AtomicU64,
    /// Commands that were answered at once with 503.
    pub unavailable: AtomicU64,
    /// Requests that were sent and never answered: their connection broke.
    pub broken: AtomicU64,
    /// Answers that were no success and no problem as the contract has it.
    pub strange: Mutex<BTreeSet<String>>,
}

/// Talks to one platform. Cloning shares the connections.
#[derive(Clone)]
pub struct Shop {
    client: Client,
    doors: Doors,
    patience: Duration,
    pub answers: Arc<Answers>,
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
    pub fn new(doors: impl Into<Doors>) -> Self {
        Self {
            client: Client::builder().timeout(Duration::from_secs(10)).build().unwrap(),
            doors: doors.into(),
            patience: 2 * DEADLINE,
            answers: Arc::default(),
        }
    }

    /// As patient as an outage is long.
    pub fn patient(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sends a command until it is answered by anything but an outage.
    pub async fn command(&self, doors: &[u16], path: &str, body: Value) -> (StatusCode, Value) {
        self.keyed(&Uuid::new_v4().to_string(), doors, path, body).await
    }

    /// As [`Self::command`], with this Idempotency-Key.
    pub async fn keyed(&self, key: &str, doors: &[u16], path: &str, body: Value) -> (StatusCode, Value) {
        let deadline = Instant::now() + self.patience;
        for port in doors.iter().cycle() {
            let request =
                self.client.post(format!("http://127.0.0.1:{port}{path}")).header("Idempotency-Key", key);
            match request.json(&body).send().await {
                Ok(answer) => {
                    if let Some(answer) = self.answered(answer).await {
                        self.answers.commands.fetch_add(1, Ordering::Relaxed);
                        return answer;
                    }
                }
                Err(error) if error.is_connect() => {}
                Err(_) => {
                    self.answers.broken.fetch_add(1, Ordering::Relaxed);
                }
            }
            assert!(Instant::now() < deadline, "no answer to POST {path}");
            tokio::time::sleep(PAUSE).await;
        }
        unreachable!("there is a door")
    }

    async fn answered(&self, answer: Response) -> Option<(StatusCode, Value)> {
        let status = answer.status();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            self.answers.unavailable.fetch_add(1, Ordering::Relaxed);
            self.check_problem(&answer);
            return None;
        }
        if status.is_server_error() {
            self.strange(status.to_string());
            return None;
        }
        answer.json().await.ok().map(|body| (status, body))
    }

    /// An outage is told as problem details, and when to come again.
    fn check_problem(&self, answer: &Response) {
        let headers = answer.headers();
        let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok());
        if kind != Some("application/problem+json") || !headers.contains_key("retry-after") {
            self.strange(format!("503 with {kind:?} and retry-after {:?}", headers.get("retry-after")));
        }
    }

    fn strange(&self, what: String) {
        self.answers.strange.lock().unwrap().insert(what);
    }

    pub async fn user(&self, name: &str) -> i64 {
        let body = serde_json::json!({"name": name, "email": format!("{name}@example.com")});
        created(&self.command(&self.doors.users, "/users", body).await)
    }

    /// Renames a user, whom nobody else changes meanwhile.
    pub async fn rename(&self, user: i64, name: &str) {
        let url = format!("http://127.0.0.1:{}/users/{user}", self.doors.users[0]);
        let answer = self.client.put(url).json(&serde_json::json!({"name": name})).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }

    pub async fn product(&self, name: &str, stock: i64) -> i64 {
        let body = serde_json::json!({"name": name, "price": 9.9, "stock": stock});
        created(&self.command(&self.doors.products, "/products", body).await)
    }

    pub async fn order(&self, user: i64, product: i64, quantity: i64) -> Receipt {
        self.keyed_order(&Uuid::new_v4().to_string(), user, product, quantity).await
    }

    pub async fn keyed_order(&self, key: &str, user: i64, product: i64, quantity: i64) -> Receipt {
        let items = serde_json::json!([{"product_id": product, "quantity": quantity}]);
        let body = serde_json::json!({"user_id": user, "items": items});
        let order_id = created(&self.keyed(key, &self.doors.orders, "/orders", body).await);
        self.answers.orders.fetch_add(1, Ordering::Relaxed);
        Receipt { order_id, product_id: product, quantity, paid: None, canceled: None }
    }

    /// Pays; refused only where the platform was faster and cancelled.
    pub async fn pay(&self, receipt: &mut Receipt) {
        let path = format!("/orders/{}/pay", receipt.order_id);
        let body = serde_json::json!({"payment_method": "pix"});
        receipt.paid = Some(done(&self.command(&self.doors.orders, &path, body).await));
    }

    pub async fn cancel(&self, receipt: &mut Receipt) {
        let path = format!("/orders/{}/cancel", receipt.order_id);
        let body = serde_json::json!({"reason": "changed mind"});
        receipt.canceled = Some(done(&self.command(&self.doors.orders, &path, body).await));
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
