//! The platform as processes of this program: what a user would run, measured from outside.

use std::fs::File;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use hyper::header::HeaderValue;

use crate::http::{Connection, bearer};
use crate::machine;
use crate::sandbox::Sandbox;

const PATIENCE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(5);
/// Lines of a process's log that are shown when it fails.
const TAIL: usize = 20;

/// Everything in one process.
pub const RUN: &str = "run";

/// The ports of the APIs.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    pub users: u16,
    pub products: u16,
    pub orders: u16,
    pub query: u16,
    console: u16,
}

/// The processes that run on one sandbox. Dropping it kills them.
pub struct Platform<'s> {
    pub ports: Ports,
    /// What the command services want of their clients.
    pub authorization: Option<HeaderValue>,
    sandbox: &'s Sandbox,
    program: PathBuf,
    processes: Vec<(String, Child)>,
}

impl<'s> Platform<'s> {
    /// Nothing is started yet.
    pub fn new(sandbox: &'s Sandbox) -> anyhow::Result<Self> {
        let [users, products, orders, query, console] = free_ports()?;
        let program = std::env::current_exe().context("this program cannot be found")?;
        let ports = Ports { users, products, orders, query, console };
        let authorization = sandbox.site.command_token.as_deref().map(bearer).transpose()?;
        Ok(Self { ports, authorization, sandbox, program, processes: Vec::new() })
    }

    /// With everything in one process.
    pub async fn running(sandbox: &'s Sandbox) -> anyhow::Result<Self> {
        let mut platform = Self::new(sandbox)?;
        platform.start(&[RUN]).await?;
        Ok(platform)
    }

    /// Starts roles and waits until they are ready; how long that took.
    pub async fn start(&mut self, roles: &[&str]) -> anyhow::Result<Duration> {
        let started = Instant::now();
        for role in roles {
            let [port] = match *role {
                RUN | "user-service" => [self.ports.users],
                "product-service" => [self.ports.products],
                "order-service" => [self.ports.orders],
                "query-service" => [self.ports.query],
                _ => free_ports()?,
            };
            self.start_at(role, port).await?;
        }
        Ok(started.elapsed())
    }

    /// Starts so many processes of a role, each on a port that nobody else has; where they listen.
    pub async fn start_more(&mut self, role: &str, count: u16) -> anyhow::Result<Vec<u16>> {
        let mut ports = Vec::new();
        for _ in 0..count {
            let [port] = free_ports()?;
            self.start_at(role, port).await?;
            ports.push(port);
        }
        Ok(ports)
    }

    async fn start_at(&mut self, role: &str, port: u16) -> anyhow::Result<()> {
        let mut command = self.command(role);
        if role != RUN {
            command.env("PORT", port.to_string());
        }
        let log = File::options().create(true).append(true).open(self.log_of(role))?;
        command.stdout(log.try_clone()?).stderr(log);
        let process = command.spawn().with_context(|| format!("{role} cannot be started"))?;
        self.processes.push((role.to_owned(), process));
        self.ready(port).await
    }

    /// A subcommand of this program on the same sandbox.
    pub fn command(&self, subcommand: &str) -> Command {
        let mut command = Command::new(&self.program);
        let ports = [
            ("ESTEIRA_USERS_PORT", self.ports.users),
            ("ESTEIRA_PRODUCTS_PORT", self.ports.products),
            ("ESTEIRA_ORDERS_PORT", self.ports.orders),
            ("ESTEIRA_QUERY_PORT", self.ports.query),
            ("ESTEIRA_CONSOLE_PORT", self.ports.console),
        ];
        command
            .arg(subcommand)
            .env_remove("PORT")
            .envs(&self.sandbox.variables)
            .envs(ports.map(|(name, port)| (name, port.to_string())))
            .stdin(Stdio::null());
        command
    }

    async fn ready(&mut self, port: u16) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let Some((role, process)) = self.processes.last_mut() else { return Ok(()) };
            if let Some(status) = process.try_wait()? {
                let role = role.clone();
                bail!("{role} ended with {status}: {}", self.tail(&role));
            }
            if is_ready(port).await {
                return Ok(());
            }
            if Instant::now() > deadline {
                let role = role.clone();
                bail!("{role} is not ready: {}", self.tail(&role));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn log_of(&self, role: &str) -> PathBuf {
        self.sandbox.directory.join(format!("{role}.log"))
    }

    fn tail(&self, role: &str) -> String {
        let log = std::fs::read_to_string(self.log_of(role)).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(TAIL)..].join("\n")
    }

    /// Memory of all processes in MiB: now, and the sum of their peaks.
    pub fn memory(&self) -> (f64, f64) {
        let each = self.processes.iter().map(|(_, process)| machine::memory(process.id()));
        each.fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    /// Asks every process to stop (SIGTERM), the last started first, and waits until it has.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        while let Some((role, mut process)) = self.processes.pop() {
            let pid = process.id().to_string();
            Command::new("kill").args(["-TERM", &pid]).status().context("kill")?;
            let deadline = Instant::now() + PATIENCE;
            while process.try_wait()?.is_none() {
                if Instant::now() > deadline {
                    process.kill()?;
                    process.wait()?;
                    bail!("{role} does not stop");
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(())
    }
}

impl Drop for Platform<'_> {
    fn drop(&mut self) {
        for (_, process) in &mut self.processes {
            // One that has ended already cannot be killed.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

async fn is_ready(port: u16) -> bool {
    let answer = async { Connection::open(port).await?.get("/readyz", None).await };
    answer.await.is_ok_and(|answer| answer.status.is_success())
}

/// Ports that nobody listens on now.
fn free_ports<const COUNT: usize>() -> anyhow::Result<[u16; COUNT]> {
    // All bound at once, so that they differ.
    let mut listeners = Vec::with_capacity(COUNT);
    for _ in 0..COUNT {
        listeners.push(TcpListener::bind(("127.0.0.1", 0))?);
    }
    let mut ports = [0; COUNT];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}
