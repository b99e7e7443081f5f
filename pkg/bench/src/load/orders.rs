//! Clients that order, and the ledger of what they were told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::bail;
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::HeaderValue;
use serde::Deserialize;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;

use super::pace::{Clock, Pace};
use crate::http::{Answer, Connection};
use crate::latency::Latencies;
use crate::platform::{Platform, Ports};

/// Of every user and of every product.
pub const NAME: &str = "Ana Souza";
pub const PRODUCT: &str = "Mechanical keyboard";
const USERS: usize = 500;
const PRODUCTS: usize = 200;
/// More than any run orders.
pub const PLENTY: i64 = 1_000_000_000;
/// Connections that make users and products.
const SEEDERS: usize = 32;
/// Every order has two lines.
const LINES: usize = 2;

/// Users and products that are there.
#[derive(Clone, Debug)]
pub struct Shop {
    pub users: Vec<i64>,
    pub products: Vec<i64>,
    pub stock: i64,
    authorization: Option<HeaderValue>,
}

impl Shop {
    /// Through the API, as clients would.
    pub async fn open(platform: &Platform<'_>) -> anyhow::Result<Self> {
        Self::with(platform, USERS, PRODUCTS, PLENTY).await
    }

    pub async fn with(
        platform: &Platform<'_>,
        users: usize,
        products: usize,
        stock: i64,
    ) -> anyhow::Result<Self> {
        let (ports, authorization) = (platform.ports, platform.authorization.as_ref());
        let user = |index| serde_json::json!({"name": NAME, "email": email(index)});
        let product = |_| serde_json::json!({"name": PRODUCT, "price": 19.9, "stock": stock});
        let (users, products) = ((0..users).map(user).collect(), (0..products).map(product).collect());
        let users = create_all(ports.users, authorization, "/users", users).await?;
        let products = create_all(ports.products, authorization, "/products", products).await?;
        Ok(Self { users, products, stock, authorization: authorization.cloned() })
    }

    /// Waits until the views show every user and every product.
    pub async fn visible(&self, ports: Ports) -> anyhow::Result<()> {
        let mut connection = Connection::open(ports.query).await?;
        for (kind, ids) in [("user", &self.users), ("product", &self.products)] {
            for id in ids {
                visible(&mut connection, kind, *id).await?;
            }
        }
        Ok(())
    }

    /// Order number `index`: the same in every run.
    fn order(&self, index: u64) -> Vec<u8> {
        let index = usize::try_from(index).unwrap_or(0);
        let user = self.users[index % self.users.len()];
        let line = |line: usize| self.products[(index * LINES + line) % self.products.len()];
        if self.products.len() < LINES {
            return format!(r#"{{"user_id":{user},"items":[{{"product_id":{},"quantity":1}}]}}"#, line(0))
                .into_bytes();
        }
        format!(
            r#"{{"user_id":{user},"items":[{{"product_id":{},"quantity":1}},{{"product_id":{},"quantity":1}}]}}"#,
            line(0),
            line(1)
        )
        .into_bytes()
    }
}

/// Waits until the view shows what was created; the platform waits for a while itself, and then says 503.
pub async fn visible(connection: &mut Connection, kind: &str, id: i64) -> anyhow::Result<()> {
    let (path, token) = (format!("/q/{kind}s/{id}"), format!("{kind}:{id}:1"));
    loop {
        match connection.get(&path, Some(&token)).await?.status {
            StatusCode::OK => return Ok(()),
            StatusCode::SERVICE_UNAVAILABLE => {}
            status => bail!("GET {path} answered {status}"),
        }
    }
}

/// Of the user that was made as number `index`.
pub fn email(index: usize) -> String {
    format!("u{index}@example.com")
}

/// The ids, in the order of `bodies`.
async fn create_all(
    port: u16,
    authorization: Option<&HeaderValue>,
    path: &'static str,
    bodies: Vec<serde_json::Value>,
) -> anyhow::Result<Vec<i64>> {
    let mut seeders = JoinSet::new();
    let count = bodies.len();
    let bodies = Arc::new(bodies);
    for seeder in 0..SEEDERS {
        let (bodies, authorization) = (Arc::clone(&bodies), authorization.cloned());
        seeders.spawn(async move {
            let mut connection = Connection::authorized(port, authorization).await?;
            let mut ids = Vec::new();
            for (index, body) in bodies.iter().enumerate().skip(seeder).step_by(SEEDERS) {
                let answer = connection.post(path, body.to_string().into_bytes()).await?;
                if answer.status != StatusCode::CREATED {
                    let body = String::from_utf8_lossy(&answer.body);
                    bail!("POST {path} answered {}: {body}", answer.status);
                }
                ids.push((index, id(&answer.body)?));
            }
            anyhow::Ok(ids)
        });
    }
    let mut ids = vec![0; count];
    while let Some(made) = seeders.join_next().await {
        for (index, id) in made?? {
            ids[index] = id;
        }
    }
    Ok(ids)
}

/// What the clients were told.
#[derive(Debug)]
pub struct Ledger {
    /// The ids of the orders that were acknowledged.
    pub orders: Vec<i64>,
    /// Answers that told the client to come again later, which it then did.
    pub refused: u64,
    /// Other answers that were no success, and requests without an answer, by what they were.
    pub errors: BTreeMap<String, u64>,
    /// Of the requests after the ramp.
    pub latencies: Latencies,
    pub took: Duration,
}

impl Ledger {
    fn new() -> anyhow::Result<Self> {
        let latencies = Latencies::new()?;
        Ok(Self { orders: Vec::new(), refused: 0, errors: BTreeMap::new(), latencies, took: Duration::ZERO })
    }

    /// Orders a second, ramp included.
    #[expect(clippy::cast_precision_loss, reason = "a count of orders")]
    pub fn rate(&self) -> f64 {
        self.orders.len() as f64 / self.took.as_secs_f64()
    }

    /// Answers that were no success.
    #[expect(clippy::cast_precision_loss, reason = "a count of orders")]
    pub fn failed(&self) -> f64 {
        (self.refused + self.unexpected()) as f64
    }

    /// Answers that neither were a success nor told when to come again.
    pub fn unexpected(&self) -> u64 {
        self.errors.values().sum()
    }

    fn add(&mut self, other: Self) -> anyhow::Result<()> {
        self.orders.extend(other.orders);
        self.refused += other.refused;
        for (error, count) in other.errors {
            *self.errors.entry(error).or_default() += count;
        }
        self.latencies.add(&other.latencies)
    }
}

/// An order that was acknowledged, for whoever follows it.
#[derive(Clone, Copy, Debug)]
pub struct Acknowledged {
    pub id: i64,
    pub at: Instant,
}

/// `POST /orders`, by so many clients.
#[derive(Clone)]
pub struct Orders {
    /// Of the order services; the clients share them evenly.
    pub ports: Vec<u16>,
    pub shop: Shop,
    pub clients: usize,
    pub pace: Pace,
    /// Every so manyth acknowledged order is told to a follower.
    pub followed: Option<(u64, UnboundedSender<Acknowledged>)>,
}

impl Orders {
    /// That nobody follows.
    pub fn new(ports: &[u16], shop: &Shop, clients: usize, pace: Pace) -> Self {
        Self { ports: ports.to_vec(), shop: shop.clone(), clients, pace, followed: None }
    }

    pub async fn run(self) -> anyhow::Result<Ledger> {
        let mut connections = Vec::with_capacity(self.clients);
        for port in self.ports.iter().cycle().take(self.clients) {
            connections.push(Connection::authorized(*port, self.shop.authorization.clone()).await?);
        }
        let clock = Arc::new(Clock::start(self.pace));
        let mut clients = JoinSet::new();
        for connection in connections {
            clients.spawn(self.clone().client(connection, Arc::clone(&clock)));
        }
        let mut ledger = Ledger::new()?;
        while let Some(client) = clients.join_next().await {
            ledger.add(client??)?;
        }
        ledger.took = clock.elapsed();
        Ok(ledger)
    }

    async fn client(self, mut connection: Connection, clock: Arc<Clock>) -> anyhow::Result<Ledger> {
        let mut ledger = Ledger::new()?;
        while let Some(due) = clock.next().await {
            let answer = connection.post("/orders", self.shop.order(due.index)).await;
            let answered = Instant::now();
            // A refusal is quick, and says nothing of how long an order takes.
            let refused = answer.as_ref().ok().and_then(Answer::comes_from_overload);
            if due.counts && refused.is_none() {
                ledger.latencies.record(answered - due.at);
            }
            let error = match answer {
                Ok(Answer { status: StatusCode::CREATED, body, .. }) => {
                    let id = id(&body)?;
                    ledger.orders.push(id);
                    self.tell(due.index, Acknowledged { id, at: answered }, due.counts);
                    continue;
                }
                Ok(_) if let Some(pause) = refused => {
                    ledger.refused += 1;
                    tokio::time::sleep(pause).await;
                    continue;
                }
                Ok(answer) => answer.status.to_string(),
                Err(error) => error.to_string(),
            };
            *ledger.errors.entry(error).or_default() += 1;
        }
        Ok(ledger)
    }

    fn tell(&self, index: u64, order: Acknowledged, counts: bool) {
        if let Some((every, follower)) = &self.followed
            && counts
            && index.is_multiple_of(*every)
        {
            // A follower that is gone has failed and says so itself.
            let _ = follower.send(order);
        }
    }
}

#[derive(Deserialize)]
struct Created {
    data: Identified,
}

#[derive(Deserialize)]
struct Identified {
    id: i64,
}

fn id(body: &Bytes) -> anyhow::Result<i64> {
    Ok(serde_json::from_slice::<Created>(body)?.data.id)
}
