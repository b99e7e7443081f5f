//! Clients that order, pay and cancel at once, and the ledger of what they were told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::client::{Receipt, Shop};

const USERS: usize = 100;
const PRODUCTS: usize = 10;
const CLIENTS: usize = 32;
/// Too little for what the clients order, so that some orders are rejected.
const SCARCE: i64 = 60;
const PLENTY: i64 = 10_000_000;

/// How much is ordered.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The most orders; endless without.
    pub orders: Option<usize>,
    /// The most orders a second; as many as go without.
    pub rate: Option<u32>,
}

pub struct Load {
    pub stock: BTreeMap<i64, i64>,
    enough: Arc<AtomicBool>,
    clients: JoinSet<Vec<Receipt>>,
}

/// What each client does.
#[derive(Clone)]
struct Work {
    shop: Shop,
    users: Vec<i64>,
    products: Vec<i64>,
    plan: Plan,
    enough: Arc<AtomicBool>,
}

impl Load {
    /// Makes users and products, then lets 32 clients order, pay and cancel at once.
    pub async fn start(shop: &Shop, plan: Plan) -> Self {
        let mut users = Vec::new();
        for index in 0..USERS {
            users.push(shop.user(&format!("user{index}-{}", uuid::Uuid::new_v4().simple())).await);
        }
        let mut stock = BTreeMap::new();
        for index in 0..PRODUCTS {
            let pieces = if index == 0 { SCARCE } else { PLENTY };
            stock.insert(shop.product(&format!("product{index}"), pieces).await, pieces);
        }
        let products: Vec<i64> = stock.keys().copied().collect();
        let enough = Arc::new(AtomicBool::new(false));
        let work = Work { shop: shop.clone(), users, products, plan, enough: Arc::clone(&enough) };
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS {
            clients.spawn(work.clone().run(client));
        }
        Self { stock, enough, clients }
    }

    /// Whether every client is done; what they were told goes to `ledger`.
    pub fn is_over(&mut self, ledger: &mut Vec<Receipt>) -> bool {
        while let Some(receipts) = self.clients.try_join_next() {
            ledger.extend(receipts.unwrap());
        }
        self.clients.is_empty()
    }

    /// Lets every client finish what it is at: the ledger.
    pub async fn finish(mut self) -> Vec<Receipt> {
        self.enough.store(true, Ordering::Relaxed);
        let mut ledger = Vec::new();
        while let Some(receipts) = self.clients.join_next().await {
            ledger.extend(receipts.unwrap());
        }
        ledger
    }
}

impl Work {
    async fn run(self, client: usize) -> Vec<Receipt> {
        let mut receipts = Vec::new();
        let started = Instant::now();
        for index in (client..self.plan.orders.unwrap_or(usize::MAX)).step_by(CLIENTS) {
            if self.enough.load(Ordering::Relaxed) {
                break;
            }
            self.keep_pace(started, index).await;
            receipts.push(self.order(index).await);
        }
        receipts
    }

    /// Order number `index` is due at its time; one that is late is due at once.
    async fn keep_pace(&self, started: Instant, index: usize) {
        if let Some(rate) = self.plan.rate {
            let due = Duration::from_secs(u64::try_from(index).unwrap()) / rate;
            tokio::time::sleep(due.saturating_sub(started.elapsed())).await;
        }
    }

    async fn order(&self, index: usize) -> Receipt {
        let quantity = i64::try_from(index % 3).unwrap() + 1;
        let (user, product) = (self.users[index % USERS], self.products[index % PRODUCTS]);
        let mut receipt = self.shop.order(user, product, quantity).await;
        match index % 7 {
            0 | 1 => self.shop.cancel(&mut receipt).await,
            2..=4 => self.shop.pay(&mut receipt).await,
            _ => {}
        }
        receipt
    }
}
