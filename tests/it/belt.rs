//! A thousand orders under kill -9: afterwards everything agrees.

use std::collections::BTreeMap;

use esteira_testkit::eventually;
use tokio::task::JoinSet;

use super::client::{Receipt, Shop};
use super::oracle::Oracle;
use super::platform::{ALL, Platform};

const USERS: usize = 100;
const PRODUCTS: usize = 10;
const CLIENTS: usize = 32;
/// Too little for what the clients order, so that some orders are rejected.
const SCARCE: i64 = 60;
const PLENTY: i64 = 100_000;

struct Load {
    stock: BTreeMap<i64, i64>,
    clients: JoinSet<Vec<Receipt>>,
}

impl Load {
    /// Makes users and products, then lets 32 clients order, pay and cancel at once.
    async fn start(shop: &Shop, orders: usize) -> Self {
        let mut users = Vec::new();
        for index in 0..USERS {
            users.push(shop.user(&format!("user{index}")).await);
        }
        let mut stock = BTreeMap::new();
        for index in 0..PRODUCTS {
            let pieces = if index == 0 { SCARCE } else { PLENTY };
            stock.insert(shop.product(&format!("product{index}"), pieces).await, pieces);
        }
        let products: Vec<i64> = stock.keys().copied().collect();
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS {
            let (shop, users, products) = (shop.clone(), users.clone(), products.clone());
            clients.spawn(async move {
                let mut receipts = Vec::new();
                for index in (client..orders).step_by(CLIENTS) {
                    let quantity = i64::try_from(index % 3).unwrap() + 1;
                    let mut receipt =
                        shop.order(users[index % USERS], products[index % PRODUCTS], quantity).await;
                    match index % 7 {
                        0 | 1 => shop.cancel(&mut receipt).await,
                        2..=4 => shop.pay(&mut receipt).await,
                        _ => {}
                    }
                    receipts.push(receipt);
                }
                receipts
            });
        }
        Self { stock, clients }
    }

    fn is_over(&mut self, ledger: &mut Vec<Receipt>) -> bool {
        while let Some(receipts) = self.clients.try_join_next() {
            ledger.extend(receipts.unwrap());
        }
        self.clients.is_empty()
    }
}

async fn agrees(platform: &mut Platform, ledger: &[Receipt], stock: &BTreeMap<i64, i64>) {
    let oracle = Oracle::of(platform).await;
    let last = std::sync::Mutex::new(String::new());
    let quiet = eventually("everything agrees", || async {
        let verdict = oracle.agrees(ledger, stock).await;
        *last.lock().unwrap() = verdict.clone().err().unwrap_or_default();
        verdict.ok()
    });
    tokio::select! {
        () = quiet => {}
        () = tokio::time::sleep(esteira_testkit::DEADLINE / 10 * 9) => panic!("{}", last.lock().unwrap()),
    }
}

/// A pause between two kills, long enough for some work and too short for all of it.
async fn some_work() {
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_orders_survive_killed_dispatchers_and_projectors() {
    Platform::cluster(async |mut platform: Platform| {
        let shop = Shop::new(platform.ports);
        let mut load = Load::start(&shop, 1_000).await;
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
    let mut load = Load::start(&shop, 1_000).await;
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
    let mut load = Load::start(&shop, 300).await;
    let mut ledger = Vec::new();
    while !load.is_over(&mut ledger) {
        some_work().await;
        assert!(platform.stop(ALL).await, "ended badly");
        platform.start(ALL).await;
    }
    agrees(&mut platform, &ledger, &load.stock).await;
}
