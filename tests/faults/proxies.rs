//! Toxiproxy before MySQL and MongoDB: latency, cuts, hangs. Kafka tells its clients its own address, so that its
//! faults are those of the broker itself.

use std::process::{Child, Command, Stdio};

use esteira_testkit::eventually;
use reqwest::Client;
use serde_json::{Value, json};

use crate::harness::platform::{Addresses, free_port};

pub struct Proxies {
    server: Child,
    api: String,
    client: Client,
    /// The engines as they are behind the proxies.
    pub addresses: Addresses,
}

impl Proxies {
    pub async fn start(program: &str, direct: &Addresses) -> Self {
        let (port, mysql, mongo) = (free_port(), free_port(), free_port());
        let server = Command::new(program)
            .args(["-host", "127.0.0.1", "-port", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let addresses = Addresses {
            mysql: with_port(&direct.mysql, mysql),
            kafka: direct.kafka.clone(),
            mongo: with_port(&direct.mongo, mongo),
        };
        let proxies =
            Self { server, api: format!("http://127.0.0.1:{port}"), client: Client::new(), addresses };
        eventually("toxiproxy answers", || async {
            proxies.client.get(format!("{}/version", proxies.api)).send().await.ok().map(drop)
        })
        .await;
        for (name, port, upstream) in
            [("mysql", mysql, address(&direct.mysql)), ("mongo", mongo, address(&direct.mongo))]
        {
            let listen = format!("127.0.0.1:{port}");
            proxies.post("/proxies", json!({"name": name, "listen": listen, "upstream": upstream})).await;
        }
        proxies
    }

    async fn post(&self, path: &str, body: Value) {
        let answer = self.client.post(format!("{}{path}", self.api)).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "toxiproxy: {}", answer.text().await.unwrap());
    }

    /// Closes every connection to `name` and takes no other, or takes them again.
    pub async fn enable(&self, name: &str, enabled: bool) {
        self.post(&format!("/proxies/{name}"), json!({"enabled": enabled})).await;
    }

    /// Puts a toxic on what `name` answers.
    pub async fn poison(&self, name: &str, kind: &str, attributes: Value) {
        let toxic = json!({"type": kind, "stream": "downstream", "attributes": attributes});
        self.post(&format!("/proxies/{name}/toxics"), toxic).await;
    }

    /// Takes every toxic away and enables every proxy.
    pub async fn heal(&self) {
        self.post("/reset", json!({})).await;
    }
}

impl Drop for Proxies {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The `host:port` in a Go DSN or a URI.
fn address(of: &str) -> &str {
    let start = of.rfind("127.0.0.1:").unwrap();
    let end = of[start..].find([')', '/', '?']).map_or(of.len(), |length| start + length);
    &of[start..end]
}

fn with_port(of: &str, port: u16) -> String {
    of.replace(address(of), &format!("127.0.0.1:{port}"))
}
