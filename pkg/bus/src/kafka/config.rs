//! How to reach a cluster, and how librdkafka is to behave.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use rdkafka::ClientConfig;
use thiserror::Error;

/// No record can be larger, whatever the topic allows: dead letter topics take three times Kafka's default.
const MAX_RECORD_BYTES: usize = 16 * 1024 * 1024;
/// A batch never outgrows the default `max.message.bytes`, so that a broker refuses a record, not its neighbours.
pub(super) const BATCH_BYTES: usize = 1_000_000;
/// What librdkafka holds ready for one consumer, in KiB; what waits to be merged comes on top.
const PREFETCH_KBYTES: usize = 2 * 1024;

/// How to reach a Kafka cluster.
#[derive(Clone, Debug)]
pub struct KafkaConfig {
    /// `host:port`, comma-separated.
    pub brokers: String,
    /// Shows in the brokers' logs and quotas.
    pub client_id: String,
    /// How long a record may be on its way before it counts as unavailable.
    pub message_timeout: Duration,
    pub security_protocol: SecurityProtocol,
    /// `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`; SCRAM needs the feature `kafka-tls`.
    pub sasl_mechanism: Option<String>,
    pub sasl_username: Option<String>,
    pub sasl_password: Option<Secret>,
    /// PEM file of the authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
}

impl KafkaConfig {
    /// Plaintext, without authentication, with a message timeout of 5 s.
    pub fn new(brokers: impl Into<String>) -> Self {
        Self {
            brokers: brokers.into(),
            client_id: "esteira".to_owned(),
            message_timeout: Duration::from_secs(5),
            security_protocol: SecurityProtocol::Plaintext,
            sasl_mechanism: None,
            sasl_username: None,
            sasl_password: None,
            ca_file: None,
        }
    }

    pub(super) fn base(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", &self.client_id)
            .set("socket.nagle.disable", "true")
            .set("socket.keepalive.enable", "true")
            .set("socket.timeout.ms", "10000")
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "1000")
            .set("message.max.bytes", MAX_RECORD_BYTES.to_string())
            .set("topic.metadata.refresh.fast.interval.ms", "100");
        self.set_security(&mut config);
        config
    }

    fn set_security(&self, config: &mut ClientConfig) {
        if self.security_protocol != SecurityProtocol::Plaintext {
            config.set("security.protocol", self.security_protocol.as_str());
        }
        let texts = [("sasl.mechanism", &self.sasl_mechanism), ("sasl.username", &self.sasl_username)];
        for (name, value) in texts {
            if let Some(value) = value {
                config.set(name, value);
            }
        }
        if let Some(Secret(password)) = &self.sasl_password {
            config.set("sasl.password", password);
        }
        match &self.ca_file {
            Some(file) => {
                config.set("ssl.ca.location", file.to_string_lossy());
            }
            // An OpenSSL that was built with us does not know where the system has its authorities, unless it is told.
            None if self.security_protocol.is_encrypted() && !openssl_is_told_authorities() => {
                config.set("ssl.ca.location", "probe");
            }
            None => {}
        }
    }

    /// What librdkafka is told of the producer; also for measuring what it alone can do.
    pub fn producer(&self) -> ClientConfig {
        let timeout = self.message_timeout.as_millis().max(1);
        let mut config = self.base();
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("linger.ms", "2")
            .set("batch.size", BATCH_BYTES.to_string())
            .set("message.timeout.ms", timeout.to_string())
            .set("partitioner", "consistent_random")
            // Longer than the message timeout, an unknown topic would look like a broker that is away.
            .set("topic.metadata.propagation.max.ms", (timeout / 2).clamp(1, 2000).to_string())
            .set("allow.auto.create.topics", "false")
            .set("queue.buffering.max.kbytes", "65536");
        config
    }

    /// Reads without belonging to a group.
    pub(super) fn reader(&self) -> ClientConfig {
        let mut config = self.base();
        config
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("fetch.wait.max.ms", "50")
            .set("fetch.min.bytes", "1")
            .set("fetch.queue.backoff.ms", "20")
            .set("queued.max.messages.kbytes", PREFETCH_KBYTES.to_string())
            .set("fetch.max.bytes", MAX_RECORD_BYTES.to_string());
        config
    }

    pub(super) fn member(&self, group: &str) -> ClientConfig {
        let mut config = self.reader();
        config
            .set("group.id", group)
            // Go's members offer range and roundrobin only, so that a group never mixes them with ours.
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("enable.auto.offset.store", "false")
            .set("session.timeout.ms", "10000")
            .set("heartbeat.interval.ms", "1000")
            .set("max.poll.interval.ms", "300000")
            // How soon topics that are created later are found.
            .set("topic.metadata.refresh.interval.ms", "3000");
        config
    }
}

fn openssl_is_told_authorities() -> bool {
    ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(|name| std::env::var_os(name).is_some())
}

/// Text that does not show in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// How connections to the brokers are protected. All but [`Self::Plaintext`] and [`Self::SaslPlaintext`] need the
/// feature `kafka-tls`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecurityProtocol {
    #[default]
    Plaintext,
    Ssl,
    SaslPlaintext,
    SaslSsl,
}

impl SecurityProtocol {
    /// Whether connections are TLS.
    pub fn is_encrypted(self) -> bool {
        match self {
            Self::Plaintext | Self::SaslPlaintext => false,
            Self::Ssl | Self::SaslSsl => true,
        }
    }

    /// As Kafka's `security.protocol` names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Ssl => "ssl",
            Self::SaslPlaintext => "sasl_plaintext",
            Self::SaslSsl => "sasl_ssl",
        }
    }
}

/// Not a value of `security.protocol`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is not one of plaintext, ssl, sasl_plaintext, sasl_ssl")]
pub struct UnknownSecurityProtocol(pub String);

impl FromStr for SecurityProtocol {
    type Err = UnknownSecurityProtocol;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Plaintext, Self::Ssl, Self::SaslPlaintext, Self::SaslSsl]
            .into_iter()
            .find(|protocol| protocol.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownSecurityProtocol(text.to_owned()))
    }
}
