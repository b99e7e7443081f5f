//! Fault 18: views are rebuilt while they are read and written.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use esteira_testkit::eventually;
use esteira_views::{DocId, Filter, ORDERS, Views, Write};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::harness::load::Plan;
use crate::harness::platform::Platform;
use crate::lab::Lab;
use crate::report::Verdict;
use crate::trial::Trial;

/// With the payments and cancellations that go with them, some 300 commands a second.
const LOAD: Plan = Plan { orders: None, rate: Some(175) };
const READERS: usize = 4;
const PAUSE: Duration = Duration::from_millis(100);
/// A state that no order of the load has.
const SPOILED: &str = "SHIPPED";

pub async fn rebuild_under_load(lab: Arc<Lab>) -> Verdict {
    let (history, rounds) = (lab.count(300, 6_000), lab.count(1, 3));
    lab.platform(async move |platform: Platform| {
        let mut trial = Trial::start(platform, &[]).await;
        trial.load(LOAD).await;
        let mut orders = 0;
        while orders < history {
            trial.accepted(100).await;
            orders += 100;
        }
        let spoiled = spoil(&trial).await;
        let readers = Readers::start(&trial);
        trial.fault();
        let (begun, before) = (Instant::now(), trial.commands());
        let left = killed_in_the_middle(&trial).await;
        for _ in 0..rounds {
            rebuild(&trial).await;
        }
        trial.accepted(20).await;
        let rate = (trial.commands() - before) / begun.elapsed().as_secs().max(1);
        let reads = readers.end().await;
        trial.healed().await;
        trial.notes.push(format!("{rate} commands/s; {reads} reads, none empty and none older than one before"));
        trial.verify = true;
        trial
            .books(format!(
                "{spoiled} views spoiled or deleted; rebuild killed (-9) with {left} to go, then {rounds} times to the end"
            ))
            .await
    })
    .await
}

/// Every third order shows another state, every third has no view; how many.
async fn spoil(trial: &Trial) -> usize {
    let oracle = trial.oracle().await;
    let ids = oracle.ints("select id from orders where version > 1 order by id").await;
    let views = trial.platform.views().await;
    let third = |rest: usize| ids.iter().copied().skip(rest).step_by(3);
    let state = || [("status".to_owned(), json!(SPOILED))].into_iter().collect();
    let spoilt = third(0).map(|id| (vec![Filter::eq("_id", id)], state())).collect();
    views.update_where(&ORDERS, spoilt).await.unwrap();
    let deleted = third(1).map(|id| Write::Delete { collection: &ORDERS, id: DocId::Int(id), guard: None });
    views.write(deleted.collect()).await.unwrap();
    third(0).count() + third(1).count()
}

async fn spoilt(views: &dyn Views) -> u64 {
    views.count(&ORDERS, &[Filter::eq("status", SPOILED)], 1_000_000).await.unwrap()
}

fn tool(trial: &Trial, name: &str) -> Command {
    let mut command = trial.platform.command(name);
    command.stdin(Stdio::null());
    command
}

/// Kills a rebuild once it has mended something; how many spoiled views are left.
async fn killed_in_the_middle(trial: &Trial) -> u64 {
    let views = trial.platform.views().await;
    let before = spoilt(views.as_ref()).await;
    let mut first: Child = tool(trial, "rebuild").spawn().unwrap();
    let left = eventually("the rebuild mends something", async || {
        Some(spoilt(views.as_ref()).await).filter(|left| *left < before)
    })
    .await;
    first.kill().unwrap();
    first.wait().unwrap();
    left
}

async fn rebuild(trial: &Trial) {
    let mut command = tool(trial, "rebuild");
    let status = tokio::task::spawn_blocking(move || command.status().unwrap()).await.unwrap();
    assert!(status.success(), "the rebuild failed");
    let views = trial.platform.views().await;
    assert_eq!(spoilt(views.as_ref()).await, 0, "spoiled views after the rebuild");
}

/// Clients that read lists and single views all the time.
struct Readers {
    enough: Arc<AtomicBool>,
    reads: Arc<AtomicU64>,
    tasks: JoinSet<()>,
}

/// What one reader has seen: nothing of it may go back.
struct Reader {
    client: Client,
    query: u16,
    seen: BTreeMap<String, i64>,
    total: u64,
}

impl Readers {
    fn start(trial: &Trial) -> Self {
        let (enough, reads) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut tasks = JoinSet::new();
        let products: Vec<String> = trial.products().map(|id| format!("/products/{id}")).collect();
        for _ in 0..READERS {
            let (client, query) = (Client::new(), trial.platform.ports.query);
            let mut reader = Reader { client, query, seen: BTreeMap::new(), total: 0 };
            let (enough, reads, products) = (Arc::clone(&enough), Arc::clone(&reads), products.clone());
            tasks.spawn(async move {
                while !enough.load(Ordering::Relaxed) {
                    let count = reader.round(&products).await;
                    reads.fetch_add(count, Ordering::Relaxed);
                    sleep(PAUSE).await;
                }
            });
        }
        Self { enough, reads, tasks }
    }

    /// How many reads there were.
    async fn end(self) -> u64 {
        self.enough.store(true, Ordering::Relaxed);
        self.tasks.join_all().await;
        self.reads.load(Ordering::Relaxed)
    }
}

impl Reader {
    /// The list of orders, some of those on it, and every product; how many reads that is.
    async fn round(&mut self, products: &[String]) -> u64 {
        let list = self.get("/orders?limit=20&sort=-id").await.1;
        let (orders, total) = (list["orders"].as_array().unwrap(), list["total"].as_u64().unwrap());
        assert!(orders.len() == 20 && total >= self.total, "{total} orders after {}: {list}", self.total);
        self.total = total;
        let listed = orders.iter().map(|order| format!("/orders/{}", order["id"]));
        // Those of earlier rounds too.
        let earlier = self.seen.keys().rev().step_by(17).take(10).cloned();
        let paths: Vec<String> = earlier.chain(listed.step_by(4)).chain(products.iter().cloned()).collect();
        for path in &paths {
            let (version, body) = self.get(path).await;
            let before = self.seen.insert(path.clone(), version);
            assert!(before <= Some(version), "{path} was at {before:?} and is at {version}: {body}");
        }
        paths.len() as u64 + 1
    }

    /// The version and the body.
    async fn get(&self, path: &str) -> (i64, Value) {
        let answer = self.client.get(format!("http://127.0.0.1:{}{path}", self.query)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "GET {path}");
        let etag = answer.headers().get("etag").and_then(|etag| etag.to_str().ok());
        let version = etag.and_then(|etag| etag.trim_matches('"').parse().ok()).unwrap_or_default();
        (version, answer.json().await.unwrap())
    }
}
