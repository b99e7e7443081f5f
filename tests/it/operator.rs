//! What the operator's API refuses, and what its document says of that.

use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::harness::platform::Platform;

async fn ask(port: u16, method: &str, path: &str) -> (u16, Value) {
    let url = format!("http://127.0.0.1:{port}{path}");
    let answer =
        Client::new().request(Method::from_bytes(method.as_bytes()).unwrap(), url).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn document(port: u16) -> Value {
    ask(port, "GET", "/openapi.json").await.1
}

/// Method, path and what the document says, of every operation but those that machines ask for.
fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let probes = ["/healthz", "/livez", "/metrics", "/readyz"];
    let paths =
        document["paths"].as_object().unwrap().iter().filter(|(path, _)| !probes.contains(&path.as_str()));
    let of = |(path, item)| {
        let operations = Value::as_object(item).unwrap().iter();
        operations.map(move |(method, operation)| (method.to_uppercase(), String::clone(path), operation))
    };
    paths.flat_map(of).collect()
}

#[tokio::test]
async fn what_is_not_as_it_must_be_is_told_by_its_name_and_value() {
    let platform = Platform::embedded().await;
    let port = platform.ports.console;
    let cases = [
        ("GET", "/admin/dead-letters?since=x", "since", "must be a time such as"),
        ("GET", "/admin/dead-letters/causes?aggregate_id=x", "aggregate_id", "must be a whole number"),
        ("GET", "/admin/dead-letters?state=x", "state", "must be open, redriving, applied or discarded"),
        ("GET", "/admin/dead-letters/order.paid.dlq/x/1", "partition", "must be an integer of 32 bits"),
        ("POST", "/admin/dead-letters/order.paid.dlq/1/x/redrive", "offset", "must be an integer of 64 bits"),
        ("GET", "/admin/orders/x/journey", "id", "must be a positive integer"),
        ("POST", "/admin/outbox/x/retry", "id", "must be a positive integer"),
    ];
    for (method, path, field, allowed) in cases {
        let (status, problem) = ask(port, method, path).await;
        let error = &problem["errors"][0];
        assert_eq!(
            (status, &error["field"], &error["value"]),
            (400, &json!(field), &json!("x")),
            "{problem}"
        );
        assert!(error["message"].as_str().unwrap().starts_with(allowed), "{problem}");
    }
}

#[tokio::test]
async fn the_document_says_what_the_guard_and_the_bodies_answer() {
    let platform = Platform::embedded().await;
    let document = document(platform.ports.console).await;
    for (method, path, operation) in operations(&document) {
        let mut statuses = vec!["200", "400", "401", "403", "429", "500", "503"];
        if operation["requestBody"].is_object() {
            statuses.extend(["413", "415"]);
        }
        let missing: Vec<_> =
            statuses.iter().filter(|status| operation["responses"][**status].is_null()).collect();
        assert!(missing.is_empty(), "{method} {path}: {missing:?}");
    }
}

#[tokio::test]
async fn no_route_takes_a_parameter_that_its_document_does_not_name() {
    let platform = Platform::embedded().await;
    let ports = platform.ports;
    let mut asked = 0;
    for port in [ports.users, ports.products, ports.orders, ports.query, ports.console] {
        for (method, path, _) in operations(&document(port).await) {
            let path = path.replace("{topic}", "order.paid.dlq");
            let path =
                ["{id}", "{partition}", "{offset}"].iter().fold(path, |path, name| path.replace(name, "1"));
            let (status, problem) = ask(port, &method, &format!("{path}?limt=1")).await;
            let error = &problem["errors"][0];
            assert_eq!((status, &error["field"]), (400, &json!("limt")), "{method} {path}: {problem}");
            assert!(error["message"].as_str().unwrap().starts_with("is not a parameter; "), "{problem}");
            asked += 1;
        }
    }
    assert!(asked > 35, "{asked} routes");
}
