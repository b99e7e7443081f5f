//! Clients that read one order after the other.

use std::sync::Arc;

use anyhow::bail;
use tokio::task::JoinSet;

use super::pace::{Clock, Pace};
use crate::http::Connection;
use crate::latency::Latencies;

/// `GET <path><id>` of all `ids` in turn, by so many clients, as fast as they can.
pub struct Reads {
    pub port: u16,
    pub path: &'static str,
    pub ids: Arc<Vec<i64>>,
    pub clients: usize,
    pub pace: Pace,
}

impl Reads {
    /// Answers a second, and how long they took.
    #[expect(clippy::cast_precision_loss, reason = "a count of answers")]
    pub async fn run(self) -> anyhow::Result<(f64, Latencies)> {
        let mut connections = Vec::with_capacity(self.clients);
        for _ in 0..self.clients {
            connections.push(Connection::open(self.port).await?);
        }
        let clock = Arc::new(Clock::start(self.pace));
        let mut clients = JoinSet::new();
        for mut connection in connections {
            let (clock, ids, path) = (Arc::clone(&clock), Arc::clone(&self.ids), self.path);
            clients.spawn(async move {
                let mut latencies = Latencies::new()?;
                while let Some(due) = clock.next().await {
                    let id = ids[usize::try_from(due.index)? % ids.len()];
                    let status = connection.get(&format!("{path}{id}"), None).await?.status;
                    if !status.is_success() {
                        bail!("GET {path}{id} answered {status}");
                    }
                    latencies.record(due.at.elapsed());
                }
                Ok(latencies)
            });
        }
        let mut latencies = Latencies::new()?;
        while let Some(client) = clients.join_next().await {
            latencies.add(&client??)?;
        }
        Ok((latencies.count() as f64 / clock.elapsed().as_secs_f64(), latencies))
    }
}
