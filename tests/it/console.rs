//! The console of a whole platform.

use esteira_testkit::eventually;
use reqwest::{Client, Response, StatusCode};

use super::harness::client::Shop;
use super::harness::platform::{ALL, Platform};

async fn get(port: u16, path: &str) -> Response {
    let url = format!("http://127.0.0.1:{port}{path}");
    Client::new().get(url).header("accept", "text/html").send().await.unwrap()
}

async fn page(port: u16, path: &str) -> String {
    let answer = get(port, path).await;
    let status = answer.status();
    let text = answer.text().await.unwrap();
    assert_eq!(status, StatusCode::OK, "{path}: {text}");
    text
}

/// Until a picture of the belt shows all of `told`.
async fn belt_tells(port: u16, told: &[&str]) {
    let mut stream = get(port, "/stream").await;
    let mut last = String::new();
    let seen = async {
        while let Some(chunk) = stream.chunk().await.unwrap() {
            last.push_str(std::str::from_utf8(&chunk).unwrap());
            if told.iter().all(|text| last.contains(text)) {
                return;
            }
            // A picture may come in pieces.
            if last.ends_with("\n\n") {
                last.clear();
            }
        }
    };
    assert!(tokio::time::timeout(esteira_testkit::DEADLINE, seen).await.is_ok(), "{told:?} is not told");
}

async fn the_console_shows_the_platform(platform: Platform, port: u16) {
    let shop = Shop::new(platform.ports);
    let user = shop.user("Ana").await;
    let product = shop.product("Mouse", 9).await;
    let mut order = shop.order(user, product, 2).await;
    shop.pay(&mut order).await;
    eventually("the journey ends in the view", || async {
        let journey = page(port, &format!("/orders/{}", order.order_id)).await;
        (journey.matches("In the view").count() == 3).then_some(())
    })
    .await;
    belt_tells(port, &["0 to publish, 0 to apply.", " of 16: ", "up to date"]).await;
    let prefix = &platform.topic_prefix;
    let topics = page(port, "/topics").await;
    assert!(topics.contains(&format!("/topics/{prefix}order.paid\"")), "{topics}");
    let found = page(port, &format!("/topics/{prefix}order.paid?key={}", order.order_id)).await;
    assert!(found.contains("&quot;payment_method&quot;: &quot;pix&quot;"), "{found}");
    let record = found.split(&format!("<a href=\"/topics/{prefix}order.paid/")).nth(1).unwrap();
    let record = record.split('"').next().unwrap();
    let record = page(port, &format!("/topics/{prefix}order.paid/{record}")).await;
    assert!(record.contains("ce_sequence"), "{record}");
    let document = page(port, &format!("/views/views.orders/{}", order.order_id)).await;
    assert!(document.contains("&quot;PAID&quot;") && document.contains("order.updated"), "{document}");
    let engines = page(port, "/engines").await;
    assert!(!engines.contains("not well") && engines.contains("28 of 28 present"), "{engines}");
    assert!(!engines.contains("No instance reads for it."), "{engines}");
    assert!(page(port, "/dead-letters").await.contains("None."));
    assert!(page(port, "/outbox").await.contains("events wait"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_one_process_shows_itself() {
    let platform = Platform::embedded().await;
    let port = platform.ports.console;
    the_console_shows_the_platform(platform, port).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_console_alone_shows_a_platform_of_many_processes() {
    Platform::cluster(async |mut platform: Platform| {
        platform.start("console").await;
        let port = platform.door("console");
        the_console_shows_the_platform(platform, port).await;
    })
    .await;
}

/// Streams are requests in flight that never end by themselves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_does_not_hold_up_the_end() {
    let mut platform = Platform::embedded().await;
    let mut stream = get(platform.ports.console, "/stream").await;
    assert!(stream.chunk().await.unwrap().is_some());
    let started = std::time::Instant::now();
    assert!(platform.stop(ALL).await);
    // The grace period is 20 s.
    assert!(started.elapsed().as_secs() < 15, "{:?}", started.elapsed());
}
