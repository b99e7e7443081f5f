//! Traces as a collector sees them: an order is one, from the request to its views.

use std::time::{Duration, Instant};

use esteira_testkit::eventually;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use reqwest::Client;
use serde_json::{Value, json};

use super::harness::client::Shop;
use super::harness::collector::{Collected, Collector};
use super::harness::platform::{ALL, Addresses, Platform, ROLES};

const CLIENT: &str = "00f067aa0ba902b7";

/// The name of a span, its role and kind, and the name of the span under which it must stand; how many there are.
type Stage = (&'static str, &'static str, SpanKind, &'static str, usize);

/// An order of two products. Topics without prefix.
const CHAIN: [Stage; 12] = [
    ("POST /orders", "order-service", SpanKind::Server, "", 1),
    ("publish order.created", "dispatcher", SpanKind::Producer, "POST /orders", 1),
    ("project order.created", "projector", SpanKind::Consumer, "publish order.created", 1),
    ("process order.created", "product-service", SpanKind::Consumer, "publish order.created", 1),
    ("publish stock.reserved", "dispatcher", SpanKind::Producer, "process order.created", 2),
    ("project stock.reserved", "projector", SpanKind::Consumer, "publish stock.reserved", 2),
    ("process stock.reserved", "order-service", SpanKind::Consumer, "publish stock.reserved", 2),
    ("publish order.updated", "dispatcher", SpanKind::Producer, "process stock.reserved", 1),
    ("project order.updated", "projector", SpanKind::Consumer, "publish order.updated", 1),
    ("command", "order-service", SpanKind::Internal, "POST /orders", 1),
    ("command", "product-service", SpanKind::Internal, "process order.created", 1),
    ("command", "order-service", SpanKind::Internal, "process stock.reserved", 2),
];

/// Places an order of two products in the trace `traceparent`, and waits until its view shows the reserved stock.
async fn order(platform: &Platform, traceparent: &str) -> i64 {
    let (shop, client) = (Shop::new(platform.ports), Client::new());
    let user = shop.user("ana").await;
    let (mouse, keyboard) = (shop.product("mouse", 5).await, shop.product("keyboard", 5).await);
    let items = json!([{"product_id": mouse, "quantity": 1}, {"product_id": keyboard, "quantity": 2}]);
    let request = client.post(format!("http://127.0.0.1:{}/orders", platform.ports.orders));
    let request = request.header("traceparent", traceparent).json(&json!({"user_id": user, "items": items}));
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    let id = answer["data"]["id"].as_i64().unwrap();
    let url = format!("http://127.0.0.1:{}/q/orders/{id}", platform.ports.query);
    eventually("the view shows the reserved stock", || {
        let answer = client.get(&url).send();
        async {
            let view: Value = answer.await.ok()?.json().await.ok()?;
            (view["reservation"] == "RESERVED").then_some(())
        }
    })
    .await;
    id
}

fn export_to(platform: &mut Platform, collector: &Collector, processes: &[&str]) {
    for process in processes {
        platform.set(process, "OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url);
    }
}

/// What is wrong with the trace of an order, if anything. An event may be delivered again, or wait parked for another one: each
/// time that it is looked at is a span.
fn check(trace: &[Collected], prefix: &str) -> Result<(), String> {
    let plain = |name: &str| name.replace(prefix, "");
    let mut expected = 0;
    for (name, role, kind, parent, count) in CHAIN {
        let parent_of = |span: &Collected| {
            let parent = trace.iter().find(|other| other.span_id == span.parent_id);
            parent.map_or_else(String::new, |parent| plain(&parent.name))
        };
        let found = trace.iter().filter(|span| {
            plain(&span.name) == name
                && span.attributes["esteira.role"] == role
                && span.kind == kind
                && parent_of(span) == parent
        });
        let found = found.count();
        expected += found;
        let is_once = matches!(kind, SpanKind::Server | SpanKind::Producer);
        if found < count || (is_once && found > count) {
            return Err(format!(
                "{found} and not {count} times {name} of {role} under {parent:?}: {trace:#?}"
            ));
        }
    }
    if trace.len() == expected {
        Ok(())
    } else {
        Err(format!("{} spans, of which {expected} belong there", trace.len()))
    }
}

async fn traced(collector: &Collector, trace_id: &str, prefix: &str) -> Vec<Collected> {
    let mut wrong = String::new();
    let deadline = Instant::now() + esteira_testkit::DEADLINE;
    while Instant::now() < deadline {
        let trace = collector.trace(trace_id);
        match check(&trace, prefix) {
            Ok(()) => return trace,
            Err(error) => wrong = error,
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{wrong}")
}

fn is_linked(from: &Collected, to: &Collected) -> bool {
    from.links.contains(&(to.trace_id.clone(), to.span_id.clone()))
}

/// The two reservations were published together: one span of the whole, in a trace by itself, links to both and they to it.
async fn check_links(collector: &Collector, trace: &[Collected]) {
    let is_part =
        |span: &&Collected| span.name.starts_with("publish ") && span.name.ends_with("stock.reserved");
    let parts: Vec<&Collected> = trace.iter().filter(is_part).collect();
    assert_eq!(parts.len(), 2);
    let batch = eventually("a span of the batch links to both", || async {
        let mut spans = collector.spans().into_iter();
        spans.find(|batch| parts.iter().all(|part| is_linked(batch, part)))
    })
    .await;
    assert_eq!((batch.name.as_str(), batch.parent_id.as_str()), ("publish", ""));
    assert_eq!(batch.attributes["esteira.batch.size"], batch.links.len().to_string());
    assert_ne!(batch.trace_id, trace[0].trace_id);
    assert!(parts.iter().all(|part| is_linked(part, &batch)));
}

#[tokio::test]
async fn an_order_is_one_trace_from_the_request_to_its_views() {
    let collector = Collector::start().await;
    let mut platform = Platform::files();
    export_to(&mut platform, &collector, &[ALL]);
    platform.start(ALL).await;
    let trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
    order(&platform, &format!("00-{trace_id}-{CLIENT}-01")).await;
    let trace = traced(&collector, trace_id, "").await;
    check_links(&collector, &trace).await;
    let server = trace.iter().find(|span| span.kind == SpanKind::Server).unwrap();
    assert_eq!((server.parent_id.as_str(), server.service.as_str()), (CLIENT, "esteira"));
    let of = |name: &str| server.attributes[name].as_str();
    assert_eq!(
        (of("http.request.method"), of("http.route"), of("http.response.status_code")),
        ("POST", "/orders", "201")
    );
    let project = trace.iter().find(|span| span.name == "project order.created").unwrap();
    let of = |name: &str| project.attributes[name].as_str();
    assert_eq!(
        (of("messaging.system"), of("messaging.destination.name"), of("messaging.consumer.group.name")),
        ("esteira", "order.created", "query-consumer")
    );
    assert_eq!((of("messaging.kafka.message.key"), of("esteira.outcome")), ("1", "applied"));
    assert!(trace.iter().all(|span| !span.is_error && span.nanoseconds > 0), "{trace:#?}");
    // Every command began a trace of its own, and nobody's probes did.
    let names: Vec<String> = collector.spans().into_iter().map(|span| span.name).collect();
    assert!(names.iter().any(|name| name == "POST /users"), "{names:?}");
    assert!(!names.iter().any(|name| name.contains("readyz")), "{names:?}");
    platform.stop_all().await;
}

#[tokio::test]
async fn an_order_is_one_trace_over_kafka_and_six_processes() {
    let Some(addresses) = Addresses::from_env() else { return };
    Platform::on(addresses.clone(), addresses, async |mut platform: Platform| {
        let collector = Collector::start().await;
        export_to(&mut platform, &collector, &ROLES);
        platform.start_all(&ROLES).await;
        let trace_id = "0af7651916cd43dd8448eb211c80319c";
        order(&platform, &format!("00-{trace_id}-{CLIENT}-01")).await;
        let trace = traced(&collector, trace_id, &platform.topic_prefix).await;
        check_links(&collector, &trace).await;
        for span in &trace {
            assert_eq!(span.service, span.attributes["esteira.role"], "{}", span.name);
        }
        let process = trace
            .iter()
            .find(|span| span.name.starts_with("process ") && span.name.ends_with("order.created"))
            .unwrap();
        assert_eq!(process.attributes["messaging.system"], "kafka");
        assert!(process.attributes.contains_key("messaging.kafka.offset"), "{process:?}");
        platform.stop_all().await;
    })
    .await;
}

#[tokio::test]
async fn a_trace_that_is_not_sampled_is_passed_on_and_not_recorded() {
    let collector = Collector::start().await;
    let mut platform = Platform::files();
    export_to(&mut platform, &collector, &[ALL]);
    platform.set(ALL, "ESTEIRA_TRACE_SAMPLE", "0");
    platform.start(ALL).await;
    let unsampled = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{CLIENT}-00");
    let id = order(&platform, &unsampled).await;
    // What waits is exported at the end.
    platform.stop_all().await;
    assert_eq!(collector.spans().len(), 0);
    let records =
        platform.log().await.read("order.created", partition_of(&platform, id).await, 0, 10).await.unwrap();
    assert_eq!(records[0].header("traceparent"), Some(unsampled.as_str()));
}

async fn partition_of(platform: &Platform, order: i64) -> i32 {
    let log = platform.log().await;
    for partition in 0..3 {
        let records = log.read("order.created", partition, 0, 10).await.unwrap();
        if records.iter().any(|record| record.key.as_deref() == Some(order.to_string().as_bytes())) {
            return partition;
        }
    }
    panic!("no record of order {order}")
}

#[tokio::test]
async fn what_waits_is_exported_at_a_stop() {
    let collector = Collector::start().await;
    let mut platform = Platform::files();
    export_to(&mut platform, &collector, &[ALL]);
    platform.start(ALL).await;
    let shop = Shop::new(platform.ports);
    shop.user("ana").await;
    platform.stop_all().await;
    assert!(collector.spans().iter().any(|span| span.name == "POST /users"));
}

#[tokio::test]
async fn a_collector_that_is_away_is_told_once_and_holds_nothing_up() {
    let collector = Collector::start().await;
    let mut platform = Platform::files();
    export_to(&mut platform, &collector, &[ALL]);
    // Its port is closed from now on.
    drop(collector);
    platform.start(ALL).await;
    let shop = Shop::new(platform.ports);
    let (user, product) = (shop.user("ana").await, shop.product("mouse", 1_000).await);
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(4) {
        shop.order(user, product, 1).await;
    }
    platform.stop_all().await;
    let log = std::fs::read_to_string(platform.log_of(ALL)).unwrap();
    assert_eq!(log.matches("spans cannot be exported").count(), 1, "{log}");
    assert!(!log.contains("BatchSpanProcessor"), "{log}");
}

#[tokio::test]
async fn a_collector_that_does_not_answer_does_not_hold_a_stop_up() {
    // Its connections are opened by the system, and nobody accepts them.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut platform = Platform::files();
    platform.set(ALL, "ESTEIRA_OTLP_ENDPOINT", &format!("http://{}", silent.local_addr().unwrap()));
    platform.start(ALL).await;
    Shop::new(platform.ports).user("ana").await;
    let stopping = Instant::now();
    platform.stop_all().await;
    assert!(stopping.elapsed() < Duration::from_secs(8), "{:?}", stopping.elapsed());
}

#[tokio::test]
async fn log_lines_of_a_request_and_its_events_carry_the_trace_id() {
    let mut platform = Platform::files();
    platform.set(ALL, "ESTEIRA_LOG", "debug");
    platform.set(ALL, "ESTEIRA_LOG_FORMAT", "json");
    platform.start(ALL).await;
    let trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
    order(&platform, &format!("00-{trace_id}-{CLIENT}-01")).await;
    let log = platform.log_of(ALL);
    let told = eventually("every stage has told its line", || async {
        let lines = std::fs::read_to_string(&log).unwrap();
        let lines = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let told: Vec<String> = lines
            .filter(|line| line["trace_id"] == trace_id)
            .map(|line| {
                format!(
                    "{} {}",
                    line["message"].as_str().unwrap(),
                    line["topic"].as_str().unwrap_or_default()
                )
            })
            .collect();
        told.contains(&"event projected order.updated".to_owned()).then_some(told)
    })
    .await;
    for line in [
        "request answered ",
        "event published order.created",
        "event processed order.created",
        "event published stock.reserved",
        "event processed stock.reserved",
        "event published order.updated",
        "event projected order.created",
    ] {
        assert!(told.iter().any(|told| told == line), "{line} is missing: {told:?}");
    }
    platform.stop_all().await;
}
