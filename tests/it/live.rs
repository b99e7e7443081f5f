//! Live queries of real processes.

use std::time::Duration;

use esteira_testkit::DEADLINE;
use reqwest::{Client, Response};
use serde_json::Value;
use tokio::time::timeout;

use super::harness::client::Shop;
use super::harness::platform::Platform;

/// A client of a stream; it knows the id of the last event.
struct Stream {
    response: Response,
    text: String,
    last: String,
}

impl Stream {
    async fn open(platform: &Platform, filters: &str, last: Option<&str>) -> Self {
        let url = format!("http://127.0.0.1:{}/q/orders/stream{filters}", platform.ports.query);
        let mut request = Client::new().get(url);
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let response = request.send().await.unwrap();
        let status = response.status();
        if status != 200 {
            let problem = response.text().await.unwrap();
            panic!("{status}: {problem}");
        }
        let mut stream = Self { response, text: String::new(), last: String::new() };
        assert_eq!(stream.next().await.unwrap().0, "ready");
        stream
    }

    /// The next event's name and data; `None` at the end.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            while !self.text.contains("\n\n") {
                let piece = timeout(DEADLINE, self.response.chunk()).await.expect("in time").unwrap()?;
                self.text.push_str(std::str::from_utf8(&piece).unwrap());
            }
            let end = self.text.find("\n\n").unwrap();
            let event: String = self.text.drain(..end + 2).collect();
            let field =
                |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            let (name, id, data) = (field("event: "), field("id: "), field("data: "));
            self.last = id.unwrap();
            if let Some(name) = name {
                return Some((name, serde_json::from_str(&data.unwrap()).unwrap()));
            }
        }
    }

    /// Listens until it has been told of `order` in this state.
    async fn until(&mut self, order: i64, status: &str) {
        loop {
            let (name, told) = self.next().await.unwrap();
            // An order that is reserved before it is paid is no paid one, and said to be none.
            assert!(["order", "removed"].contains(&name.as_str()), "{name} {told}");
            if told["id"] == order && told["status"] == status {
                return;
            }
        }
    }
}

async fn an_order_is_followed_from_its_creation_on(platform: &mut Platform, restart: &str) {
    let shop = Shop::new(platform.ports);
    let (user, product) = (shop.user("ana").await, shop.product("mouse", 100).await);
    let mut stream = Stream::open(platform, "", None).await;
    let mut paid_ones = Stream::open(platform, "?status=PAID", None).await;
    let mut first = shop.order(user, product, 1).await;
    stream.until(first.order_id, "CREATED").await;
    shop.pay(&mut first).await;
    stream.until(first.order_id, "PAID").await;
    paid_ones.until(first.order_id, "PAID").await;
    // A client that is away while orders go on, and while the service is started anew.
    let last = stream.last.clone();
    drop((stream, paid_ones));
    let mut second = shop.order(user, product, 1).await;
    shop.pay(&mut second).await;
    platform.stop(restart).await;
    platform.start(restart).await;
    let mut third = shop.order(user, product, 1).await;
    shop.pay(&mut third).await;
    let mut back = Stream::open(platform, "", Some(&last)).await;
    let mut missing = vec![second.order_id, third.order_id];
    while !missing.is_empty() {
        let (_, told) = back.next().await.unwrap();
        missing.retain(|id| told["id"] != *id || told["status"] != "PAID");
    }
    // An orderly stop ends the stream and does not wait for its client.
    let started = std::time::Instant::now();
    platform.stop(restart).await;
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    while back.next().await.is_some() {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn live_orders_in_one_process() {
    let mut platform = Platform::embedded().await;
    an_order_is_followed_from_its_creation_on(&mut platform, super::harness::platform::ALL).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn live_orders_of_a_query_service_of_its_own() {
    Platform::cluster(async |mut platform: Platform| {
        an_order_is_followed_from_its_creation_on(&mut platform, "query-service").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_service_without_kafka_serves_all_but_live_queries() {
    Platform::cluster(async |mut platform: Platform| {
        platform.stop("query-service").await;
        platform.set("query-service", "KAFKA_BROKERS", "");
        platform.start("query-service").await;
        let get =
            |path: &str| Client::new().get(format!("http://127.0.0.1:{}{path}", platform.ports.query)).send();
        assert_eq!(get("/q/orders").await.unwrap().status(), 200);
        let answer = get("/q/orders/stream").await.unwrap();
        assert_eq!(answer.status(), 503);
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["code"], "no_event_log");
        assert!(problem["detail"].as_str().unwrap().contains("KAFKA_BROKERS"), "{problem}");
    })
    .await;
}
