//! The table of all settings.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::address::Brokers;
use crate::choice::{LogFormat, PricePolicy, SaslMechanism, SecurityProtocol};
use crate::duration::duration;
use crate::error::ConfigError;
use crate::kafka::{self, KafkaSecurity};
use crate::layers::{self, FILE_VARIABLE, Given, Names};
use crate::mongo::MongoUri;
use crate::mysql::{self, MysqlDsn};
use crate::otlp::OtlpEndpoint;
use crate::report::{Effective, Origin};
use crate::rule::{
    Rule, Secret, Tokens, integer, optional, path, port, prefix, ratio, replication, secret, text, tokens,
};

/// Makes the struct, its reading and its description from one table:
/// `key: Type = default, [variables], rule, who reads it, "what it is";`, an empty default being "not set".
macro_rules! settings {
    ($($key:ident: $type:ty = $default:literal, [$($env:literal),+], $rule:expr, $readers:expr, $about:literal;)+) => {
        /// Every setting, typed and checked.
        #[derive(Clone, Debug)]
        pub struct Settings {
            $(#[doc = $about] pub $key: $type,)+
            effective: Vec<Effective>,
        }

        const NAMES: &[Names] = &[$((stringify!($key), &[$($env),+])),+];

        fn read(given: &Given) -> Result<Settings, ConfigError> {
            let mut effective = Vec::with_capacity(NAMES.len());
            Ok(Settings {
                $($key: {
                    let row = Row {
                        key: stringify!($key),
                        envs: &[$($env),+],
                        default: $default,
                        readers: $readers,
                        about: $about,
                    };
                    row.read($rule, given, &mut effective)?
                },)+
                effective,
            })
        }
    };
}

/// Who reads a setting.
const ALL: &str = "every role and tool";
const COMMANDS: &str = "user-service, product-service, order-service";
const USERS: &str = "user-service";
const PRODUCTS: &str = "product-service";
const ORDERS: &str = "order-service";
const QUERY: &str = "query-service";
const DISPATCHER: &str = "dispatcher";
const CONSOLE: &str = "console, tools";
const LOG: &str = "product-service, order-service, query-service, dispatcher, projector, console, tools";
const VIEWS: &str = "projector, query-service, console, tools";
const TOPICS: &str = "the roles that open the log, topics";
const SERVERS: &str = "every role";
const EMBEDDED: &str = "everything in one process, tools";

settings! {
    mysql_dsn: Option<MysqlDsn> = "", ["MYSQL_DSN"], optional(MysqlDsn::rule()), ALL, "The write store; without it, a SQLite file in the data directory";
    mysql_ca_file: Option<PathBuf> = "", ["ESTEIRA_MYSQL_CA_FILE"], optional(path()), ALL, "Certificate authorities (PEM) for MySQL besides the system's";
    mongo_uri: Option<MongoUri> = "", ["MONGO_URI"], optional(MongoUri::rule()), VIEWS, "The views; without it, a SQLite file in the data directory";
    kafka_brokers: Option<Brokers> = "", ["KAFKA_BROKERS"], optional(Brokers::rule()), LOG, "The event log; without it, a SQLite file in the data directory";
    outbox_poll_interval: Duration = "100ms", ["OUTBOX_POLL_INTERVAL"], duration(1..=3_600_000), DISPATCHER, "How often the dispatcher looks for events that nobody announced to it";
    env: String = "development", ["ENV"], text(), ALL, "The name of the environment, for the first line of a role's log";
    service_name: Option<String> = "", ["SERVICE_NAME", "OTEL_SERVICE_NAME"], optional(text()), ALL, "The name of this process at Kafka, in front of its process id, and in traces; by default esteira, and there the role";
    port: Option<u16> = "", ["PORT"], optional(port()), SERVERS, "The port of a process that serves one role; stronger than the role's own setting";
    host: String = "127.0.0.1", ["ESTEIRA_HOST"], text(), SERVERS, "The address that the services listen on; 0.0.0.0 for all";
    data_dir: PathBuf = "./data", ["ESTEIRA_DATA_DIR"], path(), EMBEDDED, "Where the embedded engines keep their files";
    users_port: u16 = "8081", ["ESTEIRA_USERS_PORT"], port(), USERS, "The port of the user service";
    products_port: u16 = "8082", ["ESTEIRA_PRODUCTS_PORT"], port(), PRODUCTS, "The port of the product service";
    orders_port: u16 = "8083", ["ESTEIRA_ORDERS_PORT"], port(), ORDERS, "The port of the order service";
    query_port: u16 = "8084", ["ESTEIRA_QUERY_PORT"], port(), QUERY, "The port of the query service";
    console_port: u16 = "8087", ["ESTEIRA_CONSOLE_PORT"], port(), CONSOLE, "The port of the console, and of the operator's API, which the tools ask while the platform runs on embedded engines";
    admin_token: Option<Tokens> = "", ["ESTEIRA_ADMIN_TOKEN"], optional(tokens()), CONSOLE, "What the console is signed in to with, and the operator's API wants as a bearer token; without one both answer on a loopback address only. Any of several is accepted, and our tools send the first";
    command_token: Option<Tokens> = "", ["ESTEIRA_COMMAND_TOKEN"], optional(tokens()), COMMANDS, "What the routes of the command services want as a bearer token, reads included; without one whoever reaches them may command. Any of several is accepted, and esteira bench sends the first";
    price_policy: PricePolicy = "trust", ["ESTEIRA_PRICE_POLICY", "PRICE_POLICY"], PricePolicy::rule(), ORDERS, "Whether an order takes the client's unit prices, or refuses those that differ from the catalogue";
    consistency_wait: Duration = "2s", ["ESTEIRA_CONSISTENCY_WAIT"], duration(0..=60_000), QUERY, "How long a query with a consistency token waits for the view";
    batch_max: usize = "64", ["ESTEIRA_BATCH_MAX"], integer(1..=1000), COMMANDS, "The most inputs of one micro-batch";
    command_queue: usize = "1024", ["ESTEIRA_COMMAND_QUEUE"], integer(1..=1_000_000), COMMANDS, "How many commands may wait before the next one is answered 503";
    command_workers: usize = "2", ["ESTEIRA_COMMAND_WORKERS"], integer(1..=64), COMMANDS, "How many batches of commands a service writes at once; SQLite has one writer";
    mysql_pool: u32 = "16", ["ESTEIRA_MYSQL_POOL"], integer(1..=1000), ALL, "The most connections to MySQL of one process";
    lease_ttl: Duration = "15s", ["ESTEIRA_LEASE_TTL"], duration(6_000..=600_000), DISPATCHER, "How long the lease of a dispatcher that has died is kept from others";
    shutdown_grace: Duration = "20s", ["ESTEIRA_SHUTDOWN_GRACE"], duration(0..=600_000), SERVERS, "How long work in flight may take to end at shutdown";
    log: Option<String> = "", ["ESTEIRA_LOG"], optional(text()), ALL, "Which log lines are written, as a tracing filter such as info,esteira=debug";
    log_format: LogFormat = "pretty", ["ESTEIRA_LOG_FORMAT"], LogFormat::rule(), ALL, "How log lines look";
    otlp_endpoint: Option<OtlpEndpoint> = "", ["ESTEIRA_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"], optional(OtlpEndpoint::rule()), SERVERS, "The OpenTelemetry collector that spans are sent to, by OTLP over HTTP; without it there are none";
    trace_sample: f64 = "1", ["ESTEIRA_TRACE_SAMPLE", "OTEL_TRACES_SAMPLER_ARG"], ratio(), SERVERS, "How many of the traces that begin here are sampled; the others follow their traceparent";
    topic_partitions: i32 = "3", ["ESTEIRA_TOPIC_PARTITIONS"], integer(1..=1000), TOPICS, "Partitions of the topics that are created";
    topic_replication: i32 = "1", ["ESTEIRA_TOPIC_REPLICATION"], replication(), TOPICS, "Replicas of the topics that are created";
    topic_prefix: String = "", ["ESTEIRA_TOPIC_PREFIX"], prefix(), ALL, "A beginning of every topic's name, for tests on a shared broker";
    group_prefix: String = "", ["ESTEIRA_GROUP_PREFIX"], prefix(), LOG, "A beginning of every consumer group's name, for tests on a shared broker";
    kafka_security_protocol: SecurityProtocol = "plaintext", ["ESTEIRA_KAFKA_SECURITY_PROTOCOL"], SecurityProtocol::rule(), LOG, "How connections to Kafka are protected; all but plaintext need a build with kafka-tls";
    kafka_sasl_mechanism: Option<SaslMechanism> = "", ["ESTEIRA_KAFKA_SASL_MECHANISM"], optional(SaslMechanism::rule()), LOG, "How Kafka clients authenticate";
    kafka_sasl_username: Option<String> = "", ["ESTEIRA_KAFKA_SASL_USERNAME"], optional(text()), LOG, "The user at Kafka";
    kafka_sasl_password: Option<Secret> = "", ["ESTEIRA_KAFKA_SASL_PASSWORD"], optional(secret()), LOG, "The password at Kafka";
    kafka_ca_file: Option<PathBuf> = "", ["ESTEIRA_KAFKA_CA_FILE"], optional(path()), LOG, "Certificate authorities (PEM) for Kafka instead of the system's";
}

impl Settings {
    /// From this process's environment and working directory.
    ///
    /// # Errors
    /// One line that names the setting, its value unless secret, and what is allowed.
    pub fn load() -> Result<Self, ConfigError> {
        let mut variables = Vec::new();
        for (name, text) in std::env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            match text.into_string() {
                Ok(text) => variables.push((name, text)),
                Err(_) if is_ours(&name) => return Err(ConfigError::NotUtf8 { name }),
                Err(_) => {}
            }
        }
        Self::from_variables(variables, Path::new("."))
    }

    /// From these variables, with `esteira.toml`, or the file that `ESTEIRA_CONFIG` names, looked for in `dir`.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn from_variables(
        variables: impl IntoIterator<Item = (String, String)>,
        dir: &Path,
    ) -> Result<Self, ConfigError> {
        let variables: Vec<_> = variables.into_iter().collect();
        let settings = read(&layers::collect(NAMES, &variables, dir)?)?;
        kafka::security(&settings)?;
        mysql::check_authorities(&settings)?;
        Ok(settings)
    }

    /// The defaults, as without file and environment.
    ///
    /// # Errors
    /// Never, as long as this crate's tests pass.
    pub fn defaults() -> Result<Self, ConfigError> {
        read(&Given::new())
    }

    /// How connections to Kafka are protected.
    ///
    /// # Errors
    /// If the settings were changed since they were read and no longer fit together.
    pub fn kafka_security(&self) -> Result<KafkaSecurity, ConfigError> {
        kafka::security(self)
    }

    /// Every setting with its value in force and its origin, secrets hidden, in the table's order.
    pub fn effective(&self) -> &[Effective] {
        &self.effective
    }
}

/// Every setting with its default, for the documentation.
///
/// # Errors
/// Never, as long as this crate's tests pass.
pub fn reference() -> Result<Vec<Effective>, ConfigError> {
    Settings::defaults().map(|settings| settings.effective)
}

fn is_ours(name: &str) -> bool {
    name == FILE_VARIABLE || NAMES.iter().any(|(_, envs)| envs.contains(&name))
}

struct Row {
    key: &'static str,
    envs: &'static [&'static str],
    default: &'static str,
    readers: &'static str,
    about: &'static str,
}

impl Row {
    fn read<T>(self, rule: Rule<T>, given: &Given, effective: &mut Vec<Effective>) -> Result<T, ConfigError> {
        let Self { key, envs, default, readers, about } = self;
        let env = envs[0];
        let (text, origin) = given.get(key).cloned().unwrap_or_else(|| (default.to_owned(), Origin::Default));
        let value = (rule.parse)(&text).map_err(|reason| ConfigError::NotAllowed {
            name: if matches!(origin, Origin::File(_)) { key } else { env }.to_owned(),
            origin: origin.clone(),
            shown: rule.show.in_error(&text),
            reason: if reason.is_empty() { reason } else { format!(": {reason}") },
            allowed: rule.allowed.clone(),
        })?;
        let (secret, shown) = (rule.show.is_secret(), rule.show.value(&text));
        let (kind, allowed) = (rule.kind, rule.allowed);
        effective.push(Effective {
            key,
            env,
            also: &envs[1..],
            value: shown,
            origin,
            kind,
            default,
            readers,
            about,
            allowed,
            secret,
        });
        Ok(value)
    }
}
