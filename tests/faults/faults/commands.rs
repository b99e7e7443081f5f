//! Faults of the command services: 1, 2, 10.

use std::sync::Arc;

use reqwest::StatusCode;
use serde_json::json;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::harness::client::{Doors, Receipt};
use crate::harness::platform::Platform;
use crate::lab::Lab;
use crate::report::Verdict;
use crate::trial::Trial;

const POINTS: [&str; 2] = ["batch-before-commit", "batch-after-commit"];

pub async fn dies_at_the_commit(lab: Arc<Lab>) -> Verdict {
    let rounds = lab.count(0, 5);
    let load = lab.load();
    lab.platform(async move |platform: Platform| {
        let mut trial = Trial::start(platform, &[]).await;
        let service = trial.platform.process_of("order-service");
        let user = trial.shop.user("buyer").await;
        let product = trial.product(1_000).await;
        for point in POINTS {
            one_order_at(&mut trial, service, point, user, product).await;
        }
        trial.load(load).await;
        trial.fault();
        for round in 0..2 * rounds {
            // Each time at another batch, whosever commands are in it.
            crash_at(&mut trial, service, &format!("{}={}*off->return", POINTS[round % 2], 5 + 7 * round))
                .await;
            trial.accepted(20).await;
        }
        trial.accepted(20).await;
        trial.healed().await;
        let done = format!(
            "{} crashes in and behind the transaction, once with one client's order in it",
            2 * rounds + 2
        );
        trial.books(done).await
    })
    .await
}

/// Restarts `service` so that it dies at a point of its own code, waits until it has, and starts it again.
pub async fn crash_at(trial: &mut Trial, service: &str, points: &str) {
    assert!(trial.platform.stop(service).await, "{service} ended badly");
    trial.platform.set(service, "FAILPOINTS", points);
    trial.platform.spawn(service);
    assert!(!trial.platform.ends(service).await, "{service} did not crash at {points}");
    trial.platform.unset(service);
    trial.platform.start(service).await;
}

/// The client's own order is in the transaction that dies: it has one effect, and the retry tells of that one.
async fn one_order_at(trial: &mut Trial, service: &'static str, point: &str, user: i64, product: i64) {
    assert!(trial.platform.stop(service).await);
    trial.platform.set(service, "FAILPOINTS", &format!("{point}=return"));
    trial.platform.spawn(service);
    let (shop, key) = (trial.shop.clone(), Uuid::new_v4().to_string());
    let client = {
        let key = key.clone();
        tokio::spawn(async move { shop.keyed_order(&key, user, product, 1).await })
    };
    assert!(!trial.platform.ends(service).await, "{service} did not crash at {point}");
    trial.platform.unset(service);
    trial.platform.start(service).await;
    let first = client.await.unwrap();
    let again = trial.shop.keyed_order(&key, user, product, 1).await;
    assert_eq!(first.order_id, again.order_id, "the same key has two orders");
    trial.ledger.push(first);
}

pub async fn fifty_posts_of_one_key(lab: Arc<Lab>) -> Verdict {
    let (load, times) = (lab.load(), lab.count(5, 20));
    lab.platform(async move |platform: Platform| {
        let mut trial = Trial::start(platform, &["order-service-2"]).await;
        let user = trial.shop.user("buyer").await;
        let product = trial.product(1_000).await;
        let ports = trial.platform.ports;
        let second = if trial.platform.is_one_process() {
            ports.orders
        } else {
            trial.platform.door("order-service-2")
        };
        trial.load(load).await;
        trial.fault();
        for _ in 0..times {
            let receipt = fifty_posts(&trial, [ports.orders, second], user, product).await;
            trial.ledger.push(receipt);
        }
        trial.healed().await;
        trial.books(format!("{times} times 50 posts of one order with one key, to two instances")).await
    })
    .await
}

async fn fifty_posts(trial: &Trial, doors: [u16; 2], user: i64, product: i64) -> Receipt {
    let key = Uuid::new_v4().to_string();
    let body = json!({"user_id": user, "items": [{"product_id": product, "quantity": 1}]});
    let mut posts = JoinSet::new();
    for index in 0..50 {
        let (shop, key, body) = (trial.shop.clone(), key.clone(), body.clone());
        posts.spawn(async move {
            let doors = [doors[index % 2], doors[1 - index % 2]];
            shop.keyed(&key, &doors, "/orders", body).await
        });
    }
    let answers = posts.join_all().await;
    assert!(answers.iter().all(|answer| *answer == answers[0]), "one key has several answers");
    assert_eq!(answers[0].0, StatusCode::CREATED);
    let order_id = answers[0].1["data"]["id"].as_i64().unwrap();
    Receipt { order_id, product_id: product, quantity: 1, paid: None, canceled: None }
}

pub async fn a_thousand_buyers(lab: Arc<Lab>) -> Verdict {
    lab.platform(async |platform: Platform| {
        let mut trial = Trial::start(platform, &["product-service-2", "order-service-2"]).await;
        let user = trial.shop.user("buyer").await;
        let product = trial.product(100).await;
        trial.shop = crate::harness::client::Shop::new(doors(&mut trial.platform));
        trial.fault();
        let mut buyers = JoinSet::new();
        for _ in 0..1_000 {
            let shop = trial.shop.clone();
            buyers.spawn(async move { shop.order(user, product, 1).await });
        }
        trial.ledger = buyers.join_all().await;
        trial.healed().await;
        let oracle = trial.oracle().await;
        let outcome = trial.books("1,000 orders of one piece each at once").await;
        let orders = "select count(*) from orders where";
        let reserved =
            oracle.ints(&format!("{orders} reservation = 'RESERVED' and status = 'CREATED'")).await[0];
        let rejected =
            oracle.ints(&format!("{orders} reservation = 'REJECTED' and status = 'CANCELED'")).await[0];
        assert_eq!((reserved, rejected), (100, 900), "reserved, rejected and cancelled");
        outcome
    })
    .await
}

/// Both instances of the command services, where there are two.
pub fn doors(platform: &mut Platform) -> Doors {
    let ports = platform.ports;
    let mut doors = Doors::from(ports);
    if !platform.is_one_process() {
        doors.products.push(platform.door("product-service-2"));
        doors.orders.push(platform.door("order-service-2"));
    }
    doors
}
