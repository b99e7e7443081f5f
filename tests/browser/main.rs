//! The console in a browser: a platform with work on its belt, and `console.mjs`, which clicks through it.
//! `scripts/check-console` runs it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../harness/mod.rs"]
mod harness;

use std::process::{Command, Stdio};
use std::time::Duration;

use esteira_bus::NewRecord;
use esteira_events::{EventType, Topics};
use harness::client::{Receipt, Shop};
use harness::platform::{ALL, Platform};
use serde_json::json;

const TOKEN: &str = "the-token-of-this-test";

/// A letter that the Go projector gave up, as that one writes it, and a record of which nothing can be read.
fn dead(user: i64) -> Vec<NewRecord> {
    let topic = Topics::default().name(EventType::UserUpdated);
    let at = "2026-11-22T12:43:00Z";
    let renamed = json!({"event_id": uuid::Uuid::now_v7(), "occurred_at": at,
        "user": {"id": user, "name": "Ana Souza Lima", "email": "ana.lima@example.com"}});
    let letter = json!({"original_topic": topic, "error_message": "views: connection reset after 30000 ms",
        "timestamp": at, "original_event": renamed.to_string()});
    let record = |topic: String, key: &str, value: Vec<u8>| NewRecord {
        topic,
        key: Some(key.as_bytes().to_vec()),
        value: Some(value),
        headers: Vec::new(),
    };
    vec![
        record(Topics::dead_letters(&topic), &user.to_string(), letter.to_string().into_bytes()),
        record(topic, "4711", b"{\"user\": \"<script>alert(1)</script>".to_vec()),
    ]
}

/// Orders as a small shop has them, until the browser is done.
async fn trade(shop: &Shop, user: i64, product: i64) {
    loop {
        let mut order: Receipt = shop.order(user, product, 1).await;
        shop.pay(&mut order).await;
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
}

#[tokio::main]
async fn main() {
    let mut platform = Platform::embedded().await;
    let shop = Shop::new(platform.ports);
    let user = shop.user("Ana").await;
    let product = shop.product("Mouse", 1_000_000).await;
    let mut order = shop.order(user, product, 2).await;
    shop.pay(&mut order).await;
    platform.stop_all().await;
    // The log is a file of one process.
    for outcome in platform.log().await.publish(dead(user)).await {
        outcome.unwrap();
    }
    platform.set(ALL, "ESTEIRA_ADMIN_TOKEN", TOKEN);
    platform.start(ALL).await;
    let mut browser = Command::new("node")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/console.mjs"))
        .env("CONSOLE_URL", format!("http://127.0.0.1:{}", platform.ports.console))
        .env("CONSOLE_TOKEN", TOKEN)
        .env("CONSOLE_ORDER", order.order_id.to_string())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let status = tokio::select! {
        status = tokio::task::spawn_blocking(move || browser.wait()) => status.unwrap().unwrap(),
        () = trade(&shop, user, product) => unreachable!("trade goes on for ever"),
    };
    platform.stop_all().await;
    assert!(status.success(), "the browser found something wrong");
}
