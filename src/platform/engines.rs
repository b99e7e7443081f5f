//! The three engines, each chosen by its own variable.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use esteira_bus::kafka::{Refusal, SecurityProtocol};
use esteira_bus::{EmbeddedLog, KafkaConfig, KafkaLog, Log, LogError};
use esteira_config::{KafkaSecurity, MysqlAddress, MysqlDsn, MysqlTls, SaslMechanism, Settings};
use esteira_console::{Check, checkup};
use esteira_events::Topics;
use esteira_sql::{Db, Fault, MySqlSettings, fault};
use esteira_views::{MongoViews, SqliteViews, Views};
use sqlx::mysql::{MySqlConnectOptions, MySqlDatabaseError, MySqlSslMode};
use sqlx::{ConnectOptions, Connection};

use super::groups::groups;
use super::lock::DataLock;
use super::places::{LOG_FILE, Places, STORE_FILE, VIEWS_FILE};
use super::schema::schemas;
use crate::exit::WrongSetting;
use crate::roles::Role;

/// How long the log may take to acknowledge a record before it counts as away.
pub const MESSAGE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a start waits for an engine that is still coming up.
const START_PATIENCE: Duration = Duration::from_secs(10);
const START_PAUSE: Duration = Duration::from_millis(250);

/// Which engines a process uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "one for each engine, and whether they are shared")]
pub struct Needs {
    pub store: bool,
    /// The outbox, for what the read side tells beside its views; it must start without it.
    pub tales: bool,
    pub log: bool,
    /// The event log, for live queries; it must start without it.
    pub live: bool,
    pub views: bool,
    /// Other processes need the same data: embedded engines will not do.
    pub shared: bool,
    /// How long to wait for a server that is still coming up.
    pub patience: Duration,
}

impl Default for Needs {
    fn default() -> Self {
        Self {
            store: false,
            tales: false,
            log: false,
            live: false,
            views: false,
            shared: false,
            patience: START_PATIENCE,
        }
    }
}

impl Needs {
    /// Every engine, for a tool.
    pub fn all() -> Self {
        Self { store: true, log: true, views: true, ..Self::default() }
    }

    pub fn of(roles: &[Role]) -> Self {
        let any = |wanted: &[Role]| roles.iter().any(|role| wanted.contains(role));
        Self {
            store: any(&[Role::Users, Role::Products, Role::Orders, Role::Dispatcher, Role::Console]),
            tales: any(&[Role::Query, Role::Projector]),
            log: any(&[Role::Products, Role::Orders, Role::Dispatcher, Role::Projector, Role::Console]),
            live: any(&[Role::Query]),
            views: any(&[Role::Projector, Role::Query, Role::Console]),
            shared: roles.len() < Role::ALL.len(),
            ..Self::default()
        }
    }
}

/// The engines of one process; what it does not need is not opened. Cloning shares them.
#[derive(Clone)]
pub struct Engines {
    store: Option<Db>,
    log: Option<Arc<dyn Log>>,
    views: Option<Arc<dyn Views>>,
    _lock: Option<Arc<DataLock>>,
}

impl Engines {
    /// Opens what `needs` asks for and waits a while for servers that are still coming up.
    pub async fn open(settings: &Settings, needs: Needs) -> anyhow::Result<Self> {
        let embedded = [
            (needs.store && settings.mysql_dsn.is_none(), "MYSQL_DSN"),
            (needs.log && settings.kafka_brokers.is_none(), "KAFKA_BROKERS"),
            (needs.views && settings.mongo_uri.is_none(), "MONGO_URI"),
        ];
        let missing: Vec<&str> =
            embedded.into_iter().filter(|(needed, _)| *needed).map(|(_, name)| name).collect();
        if needs.shared && !missing.is_empty() {
            bail!(WrongSetting(format!(
                "set {}: a role of its own shares its data with other processes, and the embedded engines are for one process",
                missing.join(" and ")
            )));
        }
        let lock =
            if missing.is_empty() { None } else { Some(Arc::new(DataLock::take(&settings.data_dir)?)) };
        Ok(Self {
            store: if needs.store {
                Some(open_store(settings, needs.patience).await?)
            } else if needs.tales {
                store_for_tales(settings)
            } else {
                None
            },
            log: if needs.log {
                Some(open_log(settings, needs.patience).await?)
            } else if needs.live {
                log_for_live(settings)?
            } else {
                None
            },
            views: if needs.views { Some(open_views(settings, needs.patience).await?) } else { None },
            _lock: lock,
        })
    }

    pub fn store(&self) -> anyhow::Result<&Db> {
        self.store.as_ref().ok_or_else(|| anyhow!("this process has no write store"))
    }

    pub fn log(&self) -> anyhow::Result<&Arc<dyn Log>> {
        self.log.as_ref().ok_or_else(|| anyhow!("this process has no event log"))
    }

    pub fn views(&self) -> anyhow::Result<&Arc<dyn Views>> {
        self.views.as_ref().ok_or_else(|| anyhow!("this process has no views"))
    }

    /// Looks at every engine that is open.
    pub async fn examine(&self, settings: &Settings) -> Vec<Check> {
        let mut checks = Vec::new();
        if let Some(store) = &self.store {
            let mut found = checkup::of_store(store, &schemas()).await;
            if let Some(version) = found.first_mut().filter(|check| check.ok) {
                version.detail = format!("{} at {}", version.detail, Places::of(settings).store);
            }
            checks.append(&mut found);
        }
        if let Some(log) = &self.log {
            let topics = Topics::with_prefix(settings.topic_prefix.clone());
            checks.extend(checkup::of_log(log.as_ref(), &topics, &groups(settings)).await);
        }
        if let Some(views) = &self.views {
            checks.extend(checkup::of_views(views.as_ref()).await);
        }
        checks
    }

    pub async fn close(self) {
        if let Some(views) = self.views {
            views.close().await;
        }
        if let Some(store) = self.store {
            store.close().await;
        }
    }
}

/// Connects at the first use.
fn store_for_tales(settings: &Settings) -> Option<Db> {
    let options = mysql_options(settings.mysql_dsn.as_ref()?, settings);
    Some(Db::mysql(MySqlSettings { options, connections: settings.mysql_pool }))
}

async fn open_store(settings: &Settings, patience: Duration) -> anyhow::Result<Db> {
    let Some(dsn) = &settings.mysql_dsn else {
        let path = settings.data_dir.join(STORE_FILE);
        return Db::sqlite(&path).await.with_context(|| format!("{} cannot be opened", path.display()));
    };
    if let Some(file) = &settings.mysql_ca_file {
        check_authorities("ESTEIRA_MYSQL_CA_FILE", file)?;
    }
    let options = mysql_options(dsn, settings);
    let started = Instant::now();
    // A connection of its own: a pool would hide the reason behind a time-out of its own.
    loop {
        let error = match options.connect().await {
            Ok(connection) => break connection.close().await?,
            Err(error) => error,
        };
        if fault(&error) != Fault::Unavailable || is_refusal(&error) || started.elapsed() >= patience {
            return Err(error).with_context(|| format!("MYSQL_DSN: {dsn} cannot be used"));
        }
        tracing::info!(%error, %dsn, "waiting for MySQL");
        tokio::time::sleep(START_PAUSE).await;
    }
    Ok(Db::mysql(MySqlSettings { options, connections: settings.mysql_pool }))
}

/// Access denied, or no connection that both sides find safe: waiting does not mend it.
#[expect(clippy::wildcard_enum_match_arm, reason = "sqlx's enum is not ours and only ever grows")]
fn is_refusal(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => {
            let insecure =
                error.try_downcast_ref().is_some_and(|error: &MySqlDatabaseError| error.number() == 3159);
            insecure || matches!(error.code().as_deref(), Some("28000" | "42000"))
        }
        sqlx::Error::Tls(_) => true,
        // rustls' own errors come as such.
        sqlx::Error::Io(error) => error.kind() == io::ErrorKind::InvalidData,
        _ => false,
    }
}

/// A file that cannot be read, or has no certificate, would show as a server that nobody trusts.
fn check_authorities(setting: &str, file: &Path) -> anyhow::Result<()> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("{setting}: {shown} cannot be read"))?;
    if !text.contains("-----BEGIN CERTIFICATE-----") {
        bail!(WrongSetting(format!("{setting}: {shown} has no certificate in PEM form")));
    }
    Ok(())
}

/// What sqlx needs to know of a DSN.
pub fn mysql_options(dsn: &MysqlDsn, settings: &Settings) -> MySqlConnectOptions {
    let options = MySqlConnectOptions::new().username(&dsn.user).database(&dsn.database);
    let options = match &dsn.address {
        MysqlAddress::Tcp { host, port } => options.host(host).port(*port),
        MysqlAddress::Socket(path) => options.socket(path),
    };
    let options = match &dsn.password {
        Some(password) => options.password(password.reveal()),
        None => options,
    };
    let options = match &settings.mysql_ca_file {
        Some(file) => options.ssl_ca(file),
        None => options,
    };
    options.ssl_mode(match dsn.tls {
        MysqlTls::Disabled => MySqlSslMode::Disabled,
        MysqlTls::Preferred => MySqlSslMode::Preferred,
        MysqlTls::Required => MySqlSslMode::Required,
        MysqlTls::VerifyCa => MySqlSslMode::VerifyCa,
        MysqlTls::VerifyIdentity => MySqlSslMode::VerifyIdentity,
    })
}

async fn open_log(settings: &Settings, patience: Duration) -> anyhow::Result<Arc<dyn Log>> {
    let Some(brokers) = &settings.kafka_brokers else {
        let path = settings.data_dir.join(LOG_FILE);
        let log =
            EmbeddedLog::open(&path).await.with_context(|| format!("{} cannot be opened", path.display()))?;
        return Ok(Arc::new(log));
    };
    if let Some(file) = &settings.kafka_ca_file {
        check_authorities("ESTEIRA_KAFKA_CA_FILE", file)?;
    }
    let log = KafkaLog::connect(&kafka_config(settings, &brokers.to_string())?)?;
    let started = Instant::now();
    while let Err(error) = log.describe().await {
        if log.refusal().is_some() || started.elapsed() >= patience {
            let setting = kafka_setting_to_look_at(log.refusal(), &error);
            return Err(error).with_context(|| format!("{setting}: {brokers} cannot be used"));
        }
        tracing::info!(%error, %brokers, "waiting for Kafka");
        tokio::time::sleep(START_PAUSE).await;
    }
    Ok(Arc::new(log))
}

/// Connects in the background.
fn log_for_live(settings: &Settings) -> anyhow::Result<Option<Arc<dyn Log>>> {
    let Some(brokers) = &settings.kafka_brokers else { return Ok(None) };
    Ok(Some(Arc::new(KafkaLog::connect(&kafka_config(settings, &brokers.to_string())?)?)))
}

fn kafka_setting_to_look_at(refusal: Option<Refusal>, error: &LogError) -> &'static str {
    match refusal {
        Some(Refusal::Authentication) => "ESTEIRA_KAFKA_SASL_USERNAME and ESTEIRA_KAFKA_SASL_PASSWORD",
        Some(Refusal::Tls) => "ESTEIRA_KAFKA_CA_FILE, ESTEIRA_KAFKA_SECURITY_PROTOCOL",
        // In librdkafka's words: what a broker does that expects TLS, or something else than we speak.
        None if error.to_string().contains("Disconnected") => {
            "KAFKA_BROKERS, or ESTEIRA_KAFKA_SECURITY_PROTOCOL, as the broker hangs up"
        }
        None => "KAFKA_BROKERS",
    }
}

/// What the Kafka adapter needs to know of the settings.
pub fn kafka_config(settings: &Settings, brokers: &str) -> anyhow::Result<KafkaConfig> {
    let security = settings.kafka_security()?;
    let protocol = security.protocol.as_str().parse()?;
    check_build(&security, protocol)?;
    let mut config = KafkaConfig::new(brokers);
    let name = settings.service_name.as_deref().unwrap_or("esteira");
    config.client_id = format!("{name}-{}", std::process::id());
    config.message_timeout = MESSAGE_TIMEOUT;
    config.security_protocol = protocol;
    config.ca_file = security.ca_file;
    if let Some(sasl) = security.sasl {
        config.sasl_mechanism = Some(sasl.mechanism.as_str().to_owned());
        config.sasl_username = Some(sasl.username);
        config.sasl_password = Some(esteira_bus::kafka::Secret(sasl.password.reveal().to_owned()));
    }
    Ok(config)
}

/// Without OpenSSL librdkafka has neither TLS nor SCRAM.
fn check_build(security: &KafkaSecurity, protocol: SecurityProtocol) -> anyhow::Result<()> {
    let setting = match security.sasl.as_ref().map(|sasl| sasl.mechanism) {
        _ if protocol.is_encrypted() => format!("ESTEIRA_KAFKA_SECURITY_PROTOCOL={}", protocol.as_str()),
        Some(mechanism @ (SaslMechanism::ScramSha256 | SaslMechanism::ScramSha512)) => {
            format!("ESTEIRA_KAFKA_SASL_MECHANISM={}", mechanism.as_str())
        }
        Some(SaslMechanism::Plain) | None => return Ok(()),
    };
    if cfg!(not(feature = "kafka-tls")) {
        bail!(WrongSetting(format!(
            "{setting} needs an esteira that was built with --features kafka-tls; this one was not"
        )));
    }
    Ok(())
}

async fn open_views(settings: &Settings, patience: Duration) -> anyhow::Result<Arc<dyn Views>> {
    let Some(uri) = &settings.mongo_uri else {
        let path = settings.data_dir.join(VIEWS_FILE);
        let views =
            SqliteViews::open(&path).await.with_context(|| format!("{} cannot be opened", path.display()))?;
        return Ok(Arc::new(views));
    };
    let views = MongoViews::connect(uri.reveal()).await.with_context(|| format!("MONGO_URI: {uri}"))?;
    let started = Instant::now();
    while let Err(error) = views.describe().await {
        if started.elapsed() >= patience {
            // What a server that expects TLS does.
            let hung_up = error.to_string().contains(&io::ErrorKind::UnexpectedEof.to_string());
            let hint =
                if hung_up && !views.is_encrypted() { ", and does not ask for TLS (tls=true)" } else { "" };
            return Err(error).with_context(|| format!("MONGO_URI: {uri} cannot be used{hint}"));
        }
        tracing::info!(%error, %uri, "waiting for MongoDB");
        tokio::time::sleep(START_PAUSE).await;
    }
    Ok(Arc::new(views))
}
