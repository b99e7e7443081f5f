//! The engines of the lab, and a platform on them for each fault.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::harness::load::Plan;
use crate::harness::platform::{Addresses, Platform};
use crate::proxies::Proxies;
use crate::report::{Outcome, Verdict};

pub struct Lab {
    pub short: bool,
    pub soak: Duration,
    /// Absent on the embedded engines.
    servers: Option<Servers>,
}

struct Servers {
    direct: Addresses,
    /// Only before engines of the lab's own.
    proxies: Option<Proxies>,
    script: PathBuf,
}

impl Lab {
    pub async fn new(short: bool, embedded: bool, soak: u64) -> Self {
        let servers = if embedded { None } else { Some(Servers::find().await) };
        Self { short, soak: Duration::from_secs(60 * soak), servers }
    }

    /// The short time with --short, the real one without.
    pub fn time(&self, short: u64, full: u64) -> Duration {
        Duration::from_secs(if self.short { short } else { full })
    }

    pub fn count(&self, short: usize, full: usize) -> usize {
        if self.short { short } else { full }
    }

    /// `scripts/engines COMMAND NAME`: kill, start, stop.
    pub async fn engine(&self, command: &str, name: &str) {
        let script = self.servers().script.clone();
        let mut child = Command::new(script);
        child.args([command, name]).stdin(Stdio::null()).stdout(Stdio::null());
        let ended = tokio::task::spawn_blocking(move || child.status().unwrap()).await.unwrap();
        assert!(ended.success(), "scripts/engines {command} {name} failed");
    }

    pub fn is_embedded(&self) -> bool {
        self.servers.is_none()
    }

    pub fn proxies(&self) -> &Proxies {
        self.servers().proxies.as_ref().expect("ESTEIRA_TOXIPROXY; see scripts/faults")
    }

    /// What the clients of a fault order, if the platform takes it.
    pub fn load(&self) -> Plan {
        Plan { orders: None, rate: Some(if self.short { 20 } else { 100 }) }
    }

    fn servers(&self) -> &Servers {
        self.servers.as_ref().expect("a fault of real engines")
    }

    /// Runs `test` with a platform of which nothing is started yet, and which finds MySQL and MongoDB through the
    /// proxies, where there are some.
    pub async fn platform<F>(self: &Arc<Self>, test: impl FnOnce(Platform) -> F + Send + 'static) -> Verdict
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let Some(Servers { direct, proxies, .. }) = &self.servers else {
            return Ok(test(Platform::files()).await);
        };
        let (tell, told) = oneshot::channel();
        let addresses = proxies.as_ref().map_or(direct, |proxies| &proxies.addresses);
        Platform::on(addresses.clone(), direct.clone(), async move |platform: Platform| {
            let _ = tell.send(test(platform).await);
        })
        .await;
        told.await.map_err(|_| "no outcome".to_owned())
    }

    /// Whatever a fault that failed has left behind.
    pub async fn heal(&self) {
        if let Some(Servers { proxies: Some(proxies), .. }) = &self.servers {
            proxies.heal().await;
            for name in ["mysql", "kafka", "mongo"] {
                self.engine("start", name).await;
            }
        }
    }
}

impl Servers {
    async fn find() -> Self {
        let direct =
            Addresses::from_env().expect("MYSQL_DSN, KAFKA_BROKERS and MONGO_URI; see scripts/faults");
        let proxies = match std::env::var("ESTEIRA_TOXIPROXY") {
            Ok(program) => Some(Proxies::start(&program, &direct).await),
            Err(_) => None,
        };
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scripts/engines");
        Self { direct, proxies, script }
    }
}
