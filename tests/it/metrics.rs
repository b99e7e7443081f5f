//! What Prometheus scrapes.

#![expect(clippy::float_cmp, reason = "counts are whole numbers")]

use std::collections::{BTreeMap, BTreeSet};

use esteira_telemetry::metrics::{ALL, Described};
use esteira_testkit::eventually;
use reqwest::Client;
use serde_json::json;

use super::harness::platform::Platform;

/// What one scrape of `port` said: a series by its name and labels.
async fn scrape(port: u16) -> BTreeMap<String, f64> {
    let answer = Client::new().get(format!("http://127.0.0.1:{port}/metrics")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.text().await.unwrap();
    let value = |line: &str| {
        let (series, value) = line.rsplit_once(' ').unwrap();
        (series.to_owned(), value.parse().unwrap())
    };
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(value).collect()
}

/// The sum of the series of `name` that have all `labels`.
fn sum(series: &BTreeMap<String, f64>, name: &str, labels: &[&str]) -> f64 {
    let of =
        |key: &&String| key.split('{').next() == Some(name) && labels.iter().all(|label| key.contains(label));
    series.iter().filter(|(key, _)| of(key)).map(|(_, value)| value).sum()
}

#[tokio::test]
async fn a_scrape_tells_what_the_belt_has_done() {
    let platform = Platform::embedded().await;
    let ports = platform.ports;
    let client = Client::new();
    let post = async |port: u16, path: &str, body: serde_json::Value| {
        let answer = client.post(format!("http://127.0.0.1:{port}{path}")).json(&body).send().await.unwrap();
        answer.json::<serde_json::Value>().await.unwrap()["data"]["id"].as_i64()
    };
    let user = post(ports.users, "/users", json!({"name": "Ana", "email": "ana@example.com"})).await;
    let product = post(ports.products, "/products", json!({"name": "Mouse", "price": 1, "stock": 5})).await;
    for _ in 0..3 {
        let items = json!([{"product_id": product, "quantity": 1}]);
        post(ports.orders, "/orders", json!({"user_id": user, "items": items})).await.unwrap();
    }
    assert_eq!(post(ports.orders, "/orders", json!({"user_id": 999, "items": []})).await, None);
    assert_eq!(post(ports.orders, "/made-up/by/a/client", json!({})).await, None);

    let series = eventually("the belt is empty, and the levels were looked at", || async {
        let series = scrape(ports.query).await;
        let shown = sum(&series, "esteira_view_freshness_seconds_count", &[r#"aggregate="order""#]);
        let read = sum(&series, "esteira_consumed_records_total", &[r#"group="query-consumer""#]);
        let looked = series.contains_key("esteira_outbox_backlog_rows");
        (shown >= 3.0 && read >= 8.0 && looked).then_some(series)
    })
    .await;
    assert_eq!(
        sum(&series, "esteira_commands_total", &[r#"service="user-service""#, r#"outcome="done""#]),
        1.0
    );
    let published = sum(&series, "esteira_published_records_total", &[r#"topic="order.created""#]);
    assert_eq!(published, 3.0);
    let created = [r#"http_route="/orders""#, r#"http_response_status_code="201""#];
    assert_eq!(sum(&series, "http_server_request_duration_seconds_count", &created), 3.0);
    // What clients make up does not become a series each.
    assert!(!series.keys().any(|key| key.contains("made-up")), "{series:?}");
    assert_eq!(sum(&series, "http_server_request_duration_seconds_count", &[r#"http_route="other""#]), 1.0);
    assert_eq!(
        sum(&series, "http_server_request_duration_seconds_count", &[r#"error_type="invalid_data""#]),
        0.0
    );
    assert!(sum(&series, "process_resident_memory_bytes", &[]) > 1e6);
    assert!(sum(&series, "esteira_stage_ready", &[r#"stage="dispatcher""#]) > 0.0);

    // Whatever is scraped is in the table that dashboards are checked against.
    let known = |key: &String| {
        let name = key.split('{').next().unwrap();
        let base =
            ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        base.starts_with("process_") || ALL.iter().any(|metric| [name, base].contains(&metric.name()))
    };
    assert_eq!(series.keys().filter(|key| !known(key)).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[tokio::test]
async fn a_503_that_a_client_brings_about_can_be_told_from_an_outage() {
    let platform = Platform::embedded().await;
    let orders = format!("http://127.0.0.1:{}/q/orders", platform.ports.query);
    let made_up =
        Client::new().get(orders).header("x-consistency-token", "order:1:999").send().await.unwrap();
    assert_eq!(made_up.status(), 503);
    let series = scrape(platform.ports.query).await;
    let labels = [r#"http_response_status_code="503""#, r#"error_type="not_yet_visible""#];
    assert_eq!(sum(&series, "http_server_request_duration_seconds_count", &labels), 1.0);
}

#[test]
fn names_follow_prometheus_conventions() {
    for metric in ALL {
        let name = metric.name();
        assert_eq!(name.ends_with("_total"), metric.kind() == "counter", "{name}");
        assert!(!metric.help().is_empty() && !metric.help().ends_with('.'), "{name}");
        let units =
            ["_total", "_seconds", "_rows", "_records", "_commands", "_connections", "_streams", "_ready"];
        assert!(units.iter().any(|unit| name.ends_with(unit)), "{name} says no unit");
    }
    let mut names: Vec<_> = ALL.iter().map(|metric: &&dyn Described| metric.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), ALL.len());
}

fn file(path: &str) -> String {
    std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Whatever looks like one of our metrics in `text`, without the ends that Prometheus adds.
fn named_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = words.filter(|word| word.starts_with("esteira_") || word.starts_with("http_server_request_"));
    let base = |word: &str| {
        let end = ["_bucket", "_count", "_sum"].iter().find_map(|end| word.strip_suffix(end));
        end.unwrap_or(word).to_owned()
    };
    ours.map(base).collect()
}

#[test]
fn dashboards_and_rules_name_metrics_that_there_are() {
    let dashboards = std::fs::read_dir("docker/observability/grafana/dashboards").unwrap();
    let dashboards = dashboards.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
    let text: String = dashboards.chain([file("docker/observability/alerts.yml")]).collect();
    let known: BTreeSet<String> = ALL.iter().map(|metric| metric.name().to_owned()).collect();
    // Both ways: what nobody looks at need not be measured.
    assert_eq!(named_in(&text), known);
}

#[test]
fn every_alert_has_its_section() {
    let alerts = file("docker/observability/alerts.yml");
    let sections = file("docs/alerts.md");
    let names: Vec<&str> = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(names.len() >= 10, "{names:?}");
    for name in names {
        assert!(sections.contains(&format!("\n## {name}\n")), "docs/alerts.md has no section {name}");
        assert!(
            alerts.contains(&format!("docs/alerts.md#{}", name.to_lowercase())),
            "{name} names no runbook"
        );
    }
}
