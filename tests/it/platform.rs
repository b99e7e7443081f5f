//! Esteira as processes: everything in one on embedded engines, or a process a role on the real ones.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use esteira_bus::{EmbeddedLog, KafkaConfig, KafkaLog, Log};
use esteira_sql::Db;
use esteira_testkit::{TestDb, engine, eventually, with_mysql};
use esteira_views::{MongoViews, SqliteViews, Views};
use tempfile::TempDir;

pub const ALL: &str = "run";
pub const ROLES: [&str; 6] =
    ["user-service", "product-service", "order-service", "query-service", "dispatcher", "projector"];

/// Second instances of what shares its work between processes.
pub const SECOND: [&str; 4] = ["product-service-2", "order-service-2", "dispatcher-2", "projector-2"];

/// The ports of the four APIs.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    pub users: u16,
    pub products: u16,
    pub orders: u16,
    pub query: u16,
    pub console: u16,
}

/// Where the stores are, for the oracle.
pub enum Engines {
    Files(PathBuf),
    Servers { db: Db, brokers: String, mongo_uri: String },
}

/// A platform of its own for one test.
pub struct Platform {
    pub ports: Ports,
    pub engines: Engines,
    pub topic_prefix: String,
    variables: BTreeMap<String, String>,
    processes: BTreeMap<String, (Child, u16)>,
    directory: TempDir,
}

impl Platform {
    /// Everything in one process, on files.
    pub async fn embedded() -> Self {
        let mut platform = Self::new(BTreeMap::new(), |directory| Engines::Files(directory.join("data")), "");
        let data = platform.directory.path().join("data").display().to_string();
        platform.variables.insert("ESTEIRA_DATA_DIR".into(), data);
        platform.start(ALL).await;
        platform
    }

    /// Runs `test` with every role as a process on the real engines, if they are to be had.
    pub async fn cluster<F>(test: impl FnOnce(Self) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (Some(dsn), Some(brokers), Some(mongo)) = (
            engine("MySQL", "MYSQL_DSN"),
            engine("Kafka", "KAFKA_BROKERS"),
            engine("MongoDB wire", "MONGO_URI"),
        ) else {
            return;
        };
        with_mysql(async move |test_db: TestDb| {
            let name = database(&test_db);
            let prefix = format!("{name}.");
            let mongo_uri = with_database(&mongo, &name);
            let variables = BTreeMap::from([
                ("MYSQL_DSN".to_owned(), with_database(&dsn, &name)),
                ("KAFKA_BROKERS".to_owned(), brokers.clone()),
                ("MONGO_URI".to_owned(), mongo_uri.clone()),
                ("ESTEIRA_TOPIC_PREFIX".to_owned(), prefix.clone()),
                ("ESTEIRA_GROUP_PREFIX".to_owned(), prefix.clone()),
                ("ESTEIRA_LEASE_TTL".to_owned(), "6s".to_owned()),
            ]);
            let engines = Engines::Servers { db: test_db.db.clone(), brokers, mongo_uri };
            let mut platform = Self::new(variables, |_| engines, &prefix);
            for role in ROLES.iter().chain(&SECOND) {
                platform.start(role).await;
            }
            test(platform).await;
        })
        .await;
    }

    fn new(
        mut variables: BTreeMap<String, String>,
        engines: impl FnOnce(&Path) -> Engines,
        topic_prefix: &str,
    ) -> Self {
        let ports = Ports {
            users: free_port(),
            products: free_port(),
            orders: free_port(),
            query: free_port(),
            console: free_port(),
        };
        for (name, port) in [
            ("ESTEIRA_USERS_PORT", ports.users),
            ("ESTEIRA_PRODUCTS_PORT", ports.products),
            ("ESTEIRA_ORDERS_PORT", ports.orders),
            ("ESTEIRA_QUERY_PORT", ports.query),
            ("ESTEIRA_CONSOLE_PORT", ports.console),
        ] {
            variables.insert(name.into(), port.to_string());
        }
        let directory = tempfile::tempdir().unwrap();
        let engines = engines(directory.path());
        let topic_prefix = topic_prefix.to_owned();
        Self { ports, engines, topic_prefix, variables, processes: BTreeMap::new(), directory }
    }

    /// Starts `role` and waits until it is ready.
    pub async fn start(&mut self, role: &str) {
        let port = match role {
            "user-service" | ALL => self.ports.users,
            "product-service" => self.ports.products,
            "order-service" => self.ports.orders,
            "query-service" => self.ports.query,
            _ => free_port(),
        };
        let mut command = self.command(role.trim_end_matches("-2"));
        if role != ALL {
            command.env("PORT", port.to_string());
        }
        let child = command.spawn().unwrap();
        self.processes.insert(role.to_owned(), (child, port));
        self.ready(role, port).await;
    }

    /// The command of `role`, with its log in a file.
    pub fn command(&self, role: &str) -> Command {
        let log = File::options().create(true).append(true).open(self.log_of(role)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_esteira"));
        command
            .arg(role)
            .current_dir(self.directory.path())
            .env_clear()
            .envs(&self.variables)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        command
    }

    pub fn log_of(&self, role: &str) -> PathBuf {
        self.directory.path().join(format!("{role}.log"))
    }

    async fn ready(&mut self, role: &str, port: u16) {
        let client = reqwest::Client::new();
        let log = self.log_of(role.trim_end_matches("-2"));
        let (child, _) = self.processes.get_mut(role).unwrap();
        eventually(&format!("{role} is ready"), || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("{role} ended with {status}: {}", std::fs::read_to_string(&log).unwrap());
            }
            let answer = client.get(format!("http://127.0.0.1:{port}/readyz")).send();
            async { answer.await.ok().filter(|answer| answer.status() == 200).map(drop) }
        })
        .await;
    }

    /// Kills `role` at once, wherever it stands.
    pub fn kill(&mut self, role: &str) {
        if let Some((mut child, _)) = self.processes.remove(role) {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Asks `role` to stop (SIGTERM) and waits until it has; whether it ended well.
    pub async fn stop(&mut self, role: &str) -> bool {
        let Some((mut child, _)) = self.processes.remove(role) else { return true };
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        eventually(&format!("{role} stops"), || {
            let ended = child.try_wait().unwrap();
            async move { ended }
        })
        .await
        .success()
    }

    /// Stops every process; the stores stay for the oracle.
    pub async fn stop_all(&mut self) {
        for role in self.processes.keys().cloned().collect::<Vec<_>>() {
            assert!(self.stop(&role).await, "{role} ended badly");
        }
    }

    pub async fn db(&self) -> Db {
        match &self.engines {
            Engines::Files(data) => Db::sqlite(&data.join("store.db")).await.unwrap(),
            Engines::Servers { db, .. } => db.clone(),
        }
    }

    pub async fn log(&self) -> Arc<dyn Log> {
        match &self.engines {
            Engines::Files(data) => Arc::new(EmbeddedLog::open(&data.join("log.db")).await.unwrap()),
            Engines::Servers { brokers, .. } => {
                let mut config = KafkaConfig::new(brokers.clone());
                config.message_timeout = Duration::from_secs(5);
                Arc::new(KafkaLog::connect(&config).unwrap())
            }
        }
    }

    pub async fn views(&self) -> Arc<dyn Views> {
        match &self.engines {
            Engines::Files(data) => Arc::new(SqliteViews::open(&data.join("views.db")).await.unwrap()),
            Engines::Servers { mongo_uri, .. } => Arc::new(MongoViews::connect(mongo_uri).await.unwrap()),
        }
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        for (child, _) in self.processes.values_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            for role in ROLES.iter().chain([&ALL]) {
                if let Ok(log) = std::fs::read_to_string(self.log_of(role)) {
                    let tail: Vec<&str> = log.lines().rev().take(15).collect();
                    eprintln!("--- {role}\n{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
                }
            }
        }
    }
}

fn database(test_db: &TestDb) -> String {
    test_db.mysql_options().and_then(|options| options.get_database()).unwrap().to_owned()
}

/// A Go DSN or a URI with another database: what stands between the last `/` and `?`.
fn with_database(address: &str, name: &str) -> String {
    let (path, query) = address.split_once('?').map_or((address, None), |(path, query)| (path, Some(query)));
    let (server, _) = path.rsplit_once('/').unwrap();
    query.map_or_else(|| format!("{server}/{name}"), |query| format!("{server}/{name}?{query}"))
}

/// A port that no other caller in this process gets, below the range that the system gives to clients.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let process = u16::try_from(std::process::id() % 150).unwrap();
    loop {
        let port = 20_000 + (process * 80 + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
