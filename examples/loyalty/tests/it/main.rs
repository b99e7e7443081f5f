//! The service as its users and the belt meet it, on both write stores.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use esteira_aggregate::{Executor, ExecutorSettings, SCHEMA as COMMANDS};
use esteira_bus::{EmbeddedLog, Handler, Record};
use esteira_events::Topics;
use esteira_example_loyalty::{Loyalty, LoyaltyApi, SCHEMA, routes};
use esteira_reactions::{React, Reactions, SCHEMA as REACTIONS};
use esteira_telemetry::Health;
use esteira_testkit::{TestDb, on_every_engine};
use esteira_web::{ApiInfo, Limits, mount};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Notify;
use tower::ServiceExt;

const INFO: ApiInfo = ApiInfo { title: "Loyalty", description: "Points.", version: "1" };

struct Fixture {
    store: TestDb,
    api: Router,
    reactions: Reactions<Loyalty>,
    _directory: TempDir,
}

impl Fixture {
    async fn new(store: TestDb) -> Self {
        store.migrate(&[COMMANDS, REACTIONS, SCHEMA]).await;
        let directory = tempfile::tempdir().unwrap();
        let log = EmbeddedLog::open(&directory.path().join("log.db")).await.unwrap();
        let settings = ExecutorSettings { batch_max: 16, queue: 64, workers: 1 };
        let stage = Health::new().stage("loyalty commands");
        let db = store.db.clone();
        let executor =
            Executor::start(Arc::new(Loyalty), db.clone(), settings, Arc::new(Notify::new()), stage);
        let api = routes(LoyaltyApi { commands: executor.submitter(), db: db.clone() });
        let reactions = Reactions {
            commands: executor.submitter(),
            db,
            log: Arc::new(log),
            topics: Topics::default(),
            group: Loyalty::GROUP.to_owned(),
        };
        Self { store, api: mount(api, INFO, &Limits::default()), reactions, _directory: directory }
    }

    async fn send(&self, request: Request<Body>) -> (u16, Value) {
        let response = self.api.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    async fn statement(&self) -> (u16, Value) {
        self.send(Request::get("/loyalty/7").body(Body::empty()).unwrap()).await
    }

    async fn redeem(&self, points: i64, key: &str) -> (u16, Value) {
        let request = Request::post("/loyalty/7/redeem").header("content-type", "application/json");
        let body = json!({ "points": points }).to_string();
        self.send(request.header("idempotency-key", key).body(body.into()).unwrap()).await
    }
}

fn record(topic: &str, offset: i64, mut value: Value) -> Record {
    value["event_id"] = json!(format!("0199aaaa-0000-7000-8000-00000000000{offset}"));
    value["occurred_at"] = json!("2026-11-22T12:43:00Z");
    Record {
        topic: topic.to_owned(),
        partition: 0,
        offset,
        timestamp_ms: None,
        key: Some(b"7".to_vec()),
        value: Some(value.to_string().into_bytes()),
        headers: Vec::new(),
    }
}

fn user_created() -> Record {
    let user = json!({"id": 7, "name": "Ana", "email": "ana@example.com"});
    record("user.created", 1, json!({ "sequence": 1, "user": user }))
}

fn user_deleted() -> Record {
    record("user.deleted", 2, json!({ "sequence": 2, "user_id": 7 }))
}

async fn points_are_given_once_and_redeemed_once(store: TestDb) {
    let loyalty = Fixture::new(store).await;
    assert_eq!(loyalty.statement().await.0, 404);
    // A record may come again at any time.
    loyalty.reactions.handle(&[user_created(), user_created()]).await.unwrap();
    loyalty.reactions.handle(&[user_created()]).await.unwrap();
    assert_eq!(loyalty.statement().await.1["points"], 100);

    let first = loyalty.redeem(30, "k1").await;
    assert_eq!(first, (200, json!({ "points": 70 })));
    assert_eq!(loyalty.redeem(30, "k1").await, first, "the same key is the same command");
    let (status, problem) = loyalty.redeem(71, "k2").await;
    assert_eq!((status, problem["code"].as_str()), (409, Some("too_few_points")));
    let (status, problem) = loyalty.redeem(0, "k3").await;
    assert_eq!((status, problem["errors"][0]["field"].as_str()), (400, Some("points")));

    let (_, statement) = loyalty.statement().await;
    assert_eq!((&statement["points"], &statement["redeemed"]), (&json!(70), &json!(30)));
    assert_eq!(loyalty.store.ints("select version from loyalty_accounts").await, [2]);
    assert_eq!(loyalty.store.ints("select sequence from loyalty_events order by sequence").await, [1, 2]);
}

async fn a_deleted_user_has_no_points_in_whatever_order_the_events_come(store: TestDb) {
    let loyalty = Fixture::new(store).await;
    loyalty.reactions.handle(&[user_deleted()]).await.unwrap();
    loyalty.reactions.handle(&[user_created()]).await.unwrap();
    let (_, statement) = loyalty.statement().await;
    assert_eq!((&statement["points"], &statement["closed"]), (&json!(0), &json!(true)));
    assert_eq!(loyalty.redeem(1, "k1").await.0, 404);
}

/// Blocks of Rust below a line that ends with the link to their file must be in that file, word for word.
#[test]
fn the_document_quotes_what_is_compiled() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("docs/extending.md")).unwrap();
    let quotes = page.split("```rust\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let files: Vec<&str> =
        page.split("```rust\n").map(|before| before.rsplit("](../").next().unwrap()).collect();
    let mut count = 0;
    for (quote, file) in quotes.zip(files) {
        let file = file.split(')').next().unwrap();
        let text = std::fs::read_to_string(root.join(file)).unwrap();
        for part in quote.split("    // …\n").flat_map(|part| part.split("// …\n")) {
            assert!(text.contains(part.trim_end()), "docs/extending.md quotes {file} wrongly: {part}");
        }
        count += 1;
    }
    assert!(count >= 5, "{count} quotes");
}

on_every_engine!(
    points_are_given_once_and_redeemed_once,
    a_deleted_user_has_no_points_in_whatever_order_the_events_come,
);
