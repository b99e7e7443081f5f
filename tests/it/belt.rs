//! A thousand orders under kill -9: afterwards everything agrees.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use esteira_testkit::DEADLINE;

use super::harness::client::{Receipt, Shop};
use super::harness::load::{Load, Plan};
use super::harness::oracle::Oracle;
use super::harness::platform::{ALL, Platform};

const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// So many orders, as fast as they go.
async fn load(shop: &Shop, orders: usize) -> Load {
    Load::start(shop, Plan { orders: Some(orders), rate: None }).await
}

/// Waits until everything agrees, for as long as what does not agree changes: what killed processes had in hand is done
/// again, and a group waits for its dead members.
async fn agrees(platform: &mut Platform, ledger: &[Receipt], stock: &BTreeMap<i64, i64>) {
    let oracle = Oracle::of(platform).await;
    let (began, mut changed, mut last) = (Instant::now(), Instant::now(), String::new());
    while let Err(difference) = oracle.agrees(ledger, stock).await {
        if difference != last {
            (changed, last) = (Instant::now(), difference);
        }
        assert!(changed.elapsed() < DEADLINE && began.elapsed() < 4 * DEADLINE, "{last}");
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// A pause between two kills, long enough for some work and too short for all of it.
async fn some_work() {
    tokio::time::sleep(Duration::from_millis(400)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_orders_survive_killed_dispatchers_and_projectors() {
    Platform::cluster(async |mut platform: Platform| {
        let shop = Shop::new(platform.ports);
        let mut load = load(&shop, 1_000).await;
        let mut ledger = Vec::new();
        let mut kills = 0;
        while !load.is_over(&mut ledger) || kills < 8 {
            let role = ["dispatcher", "projector", "dispatcher-2", "projector-2"][kills % 4];
            some_work().await;
            platform.kill(role);
            platform.start(role).await;
            kills += 1;
        }
        agrees(&mut platform, &ledger, &load.stock).await;
        platform.stop_all().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_orders_survive_a_killed_platform_on_embedded_engines() {
    let mut platform = Platform::embedded().await;
    let shop = Shop::new(platform.ports);
    let mut load = load(&shop, 1_000).await;
    let mut ledger = Vec::new();
    let mut kills = 0;
    while !load.is_over(&mut ledger) || kills < 3 {
        some_work().await;
        platform.kill(ALL);
        platform.start(ALL).await;
        kills += 1;
    }
    agrees(&mut platform, &ledger, &load.stock).await;
    platform.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminated_platform_answers_what_is_in_flight_and_goes_on_where_it_was() {
    let mut platform = Platform::embedded().await;
    let shop = Shop::new(platform.ports);
    let mut load = load(&shop, 300).await;
    let mut ledger = Vec::new();
    while !load.is_over(&mut ledger) {
        some_work().await;
        assert!(platform.stop(ALL).await, "ended badly");
        platform.start(ALL).await;
    }
    agrees(&mut platform, &ledger, &load.stock).await;
}
