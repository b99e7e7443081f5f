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
use esteira_events::{EventType, Topics};
use esteira_sql::Db;
use esteira_testkit::{TestDb, engine, eventually, with_mysql};
use esteira_views::{MongoViews, SqliteViews, Views};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
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
    /// What one process has besides.
    own: BTreeMap<String, BTreeMap<String, String>>,
    processes: BTreeMap<String, Child>,
    /// Where a process listens, also after its next start.
    doors: BTreeMap<String, u16>,
    directory: TempDir,
}

/// Where the engines are: DSN, brokers and URI, perhaps behind a proxy.
#[derive(Clone, Debug)]
pub struct Addresses {
    pub mysql: String,
    pub kafka: String,
    pub mongo: String,
}

impl Addresses {
    /// Of the engines that tests run on, if they are to be had.
    pub fn from_env() -> Option<Self> {
        Some(Self {
            mysql: engine("MySQL", "MYSQL_DSN")?,
            kafka: engine("Kafka", "KAFKA_BROKERS")?,
            mongo: engine("MongoDB wire", "MONGO_URI")?,
        })
    }
}

impl Platform {
    /// Everything in one process, on files.
    pub async fn embedded() -> Self {
        let mut platform = Self::files();
        platform.start(ALL).await;
        platform
    }

    /// As [`Self::embedded`], with nothing started yet.
    pub fn files() -> Self {
        let mut platform = Self::new(BTreeMap::new(), |directory| Engines::Files(directory.join("data")), "");
        let data = platform.directory.path().join("data").display().to_string();
        platform.variables.insert("ESTEIRA_DATA_DIR".into(), data);
        // Whoever holds the directory knows that the process before is dead, and waits for no lease of its.
        platform.variables.insert("ESTEIRA_LEASE_TTL".into(), "10m".into());
        platform
    }

    /// Runs `test` with every role as a process on the real engines, if they are to be had.
    pub async fn cluster<F>(test: impl FnOnce(Self) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Some(addresses) = Addresses::from_env() else { return };
        let roles = ROLES.iter().chain(&SECOND).copied().collect::<Vec<_>>();
        Self::on(addresses.clone(), addresses, async move |mut platform: Self| {
            platform.start_all(&roles).await;
            test(platform).await;
        })
        .await;
    }

    /// Runs `test` with a platform whose processes find the engines at `addresses`, and the oracle at `direct`.
    /// Nothing is started yet.
    pub async fn on<F>(addresses: Addresses, direct: Addresses, test: impl FnOnce(Self) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        with_mysql(async move |test_db: TestDb| {
            let name = database(&test_db);
            let prefix = format!("{name}.");
            let variables = BTreeMap::from([
                ("MYSQL_DSN".to_owned(), with_database(&addresses.mysql, &name)),
                ("KAFKA_BROKERS".to_owned(), addresses.kafka),
                ("MONGO_URI".to_owned(), with_database(&addresses.mongo, &name)),
                ("ESTEIRA_TOPIC_PREFIX".to_owned(), prefix.clone()),
                ("ESTEIRA_GROUP_PREFIX".to_owned(), prefix.clone()),
                ("ESTEIRA_LEASE_TTL".to_owned(), "6s".to_owned()),
            ]);
            let mongo_uri = with_database(&direct.mongo, &name);
            let brokers = direct.kafka;
            let engines = Engines::Servers { db: test_db.db.clone(), brokers: brokers.clone(), mongo_uri };
            let outcome = tokio::spawn(test(Self::new(variables, |_| engines, &prefix))).await;
            delete_topics(&brokers, &prefix).await;
            if let Err(error) = outcome {
                std::panic::resume_unwind(error.into_panic());
            }
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
        let (own, processes) = (BTreeMap::new(), BTreeMap::new());
        let doors = BTreeMap::from([
            (ALL.to_owned(), ports.users),
            ("user-service".to_owned(), ports.users),
            ("product-service".to_owned(), ports.products),
            ("order-service".to_owned(), ports.orders),
            ("query-service".to_owned(), ports.query),
        ]);
        Self { ports, engines, topic_prefix, variables, own, processes, doors, directory }
    }

    /// Sets a variable of the next starts of `process`.
    pub fn set(&mut self, process: &str, name: &str, value: &str) {
        self.own.entry(process.to_owned()).or_default().insert(name.to_owned(), value.to_owned());
    }

    /// Takes back what [`Self::set`] has set for `process`.
    pub fn unset(&mut self, process: &str) {
        self.own.remove(process);
    }

    /// Starts a role, or with `-2` a further instance of it, and waits until it is ready.
    pub async fn start(&mut self, process: &str) {
        self.spawn(process);
        self.ready(process).await;
    }

    pub async fn start_all(&mut self, processes: &[&str]) {
        for process in processes {
            self.spawn(process);
        }
        for process in processes {
            self.ready(process).await;
        }
    }

    /// As [`Self::start`], after `prepare` has had the command.
    pub async fn start_with(&mut self, process: &str, prepare: impl FnOnce(&mut Command)) {
        self.spawn_with(process, prepare);
        self.ready(process).await;
    }

    pub fn spawn(&mut self, process: &str) {
        self.spawn_with(process, |_| ());
    }

    fn spawn_with(&mut self, process: &str, prepare: impl FnOnce(&mut Command)) {
        let port = self.door(process);
        let mut command = self.command(process);
        prepare(&mut command);
        if process != ALL {
            command.env("PORT", port.to_string());
        }
        self.processes.insert(process.to_owned(), command.spawn().unwrap());
    }

    /// The port of a process, which it keeps.
    pub fn door(&mut self, process: &str) -> u16 {
        *self.doors.entry(process.to_owned()).or_insert_with(free_port)
    }

    /// The command of a role, or of any other subcommand, with its log in a file.
    pub fn command(&self, process: &str) -> Command {
        let log = File::options().create(true).append(true).open(self.log_of(process)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_esteira"));
        command
            .arg(process.trim_end_matches("-2"))
            .current_dir(self.directory.path())
            .env_clear()
            .envs(&self.variables)
            .envs(self.own.get(process).into_iter().flatten())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        command
    }

    pub fn log_of(&self, role: &str) -> PathBuf {
        self.directory.path().join(format!("{role}.log"))
    }

    /// The logs of every process so far.
    pub fn logs(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.directory.path()).unwrap().map(|file| file.unwrap().path());
        files.filter(|path| path.extension().is_some_and(|extension| extension == "log")).collect()
    }

    /// Waits until `process` says that it is ready.
    pub async fn ready(&mut self, process: &str) {
        let client = reqwest::Client::new();
        let (log, port) = (self.log_of(process), self.door(process));
        let child = self.processes.get_mut(process).unwrap();
        eventually(&format!("{process} is ready"), || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("{process} ended with {status}: {}", std::fs::read_to_string(&log).unwrap());
            }
            let answer = client.get(format!("http://127.0.0.1:{port}/readyz")).send();
            async { answer.await.ok().filter(|answer| answer.status() == 200).map(drop) }
        })
        .await;
    }

    pub fn pid(&self, process: &str) -> u32 {
        self.processes[process].id()
    }

    /// Kills `process` at once, wherever it stands.
    pub fn kill(&mut self, process: &str) {
        if let Some(mut child) = self.processes.remove(process) {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Sends `process` a signal such as `STOP`.
    pub fn signal(&self, process: &str, signal: &str) {
        let pid = self.pid(process).to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), &pid]).status().unwrap().success());
    }

    /// Waits until `process` has ended by itself; whether it ended well.
    pub async fn ends(&mut self, process: &str) -> bool {
        let mut child = self.processes.remove(process).unwrap();
        eventually(&format!("{process} ends"), || {
            let ended = child.try_wait().unwrap();
            async move { ended }
        })
        .await
        .success()
    }

    /// Asks `process` to stop (SIGTERM) and waits until it has; whether it ended well.
    pub async fn stop(&mut self, process: &str) -> bool {
        if !self.processes.contains_key(process) {
            return true;
        }
        self.signal(process, "TERM");
        self.ends(process).await
    }

    /// The status of `/readyz` of `process`.
    pub async fn readiness(&self, process: &str) -> Option<u16> {
        let url = format!("http://127.0.0.1:{}/readyz", self.doors[process]);
        Some(reqwest::get(url).await.ok()?.status().as_u16())
    }

    /// Waits until `/readyz` of `process` answers `status`.
    pub async fn says(&self, process: &str, status: u16) {
        eventually(&format!("{process} says {status}"), || async {
            (self.readiness(process).await == Some(status)).then_some(())
        })
        .await;
    }

    /// Whether every role is in the one process [`ALL`].
    pub fn is_one_process(&self) -> bool {
        matches!(self.engines, Engines::Files(_))
    }

    /// Which process has `role`.
    pub fn process_of(&self, role: &'static str) -> &'static str {
        if self.is_one_process() { ALL } else { role }
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
        for child in self.processes.values_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            for process in self.doors.keys() {
                if let Ok(log) = std::fs::read_to_string(self.log_of(process)) {
                    let tail: Vec<&str> = log.lines().rev().take(15).collect();
                    eprintln!("--- {process}\n{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
                }
            }
        }
    }
}

/// A broker with the topics of a hundred tests takes minutes to come back after a kill -9.
async fn delete_topics(brokers: &str, prefix: &str) {
    let topics: Vec<String> = EventType::ALL
        .into_iter()
        .map(|event| Topics::with_prefix(prefix).name(event))
        .flat_map(|name| [Topics::dead_letters(&name), name])
        .collect();
    let names: Vec<&str> = topics.iter().map(String::as_str).collect();
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap();
    // Without them, or without a broker, there is nothing to delete.
    let _ = admin.delete_topics(&names, &AdminOptions::new()).await;
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
