//! Which of the Kafka security settings fit together.

use std::path::PathBuf;

use crate::choice::{SaslMechanism, SecurityProtocol};
use crate::error::ConfigError;
use crate::rule::Secret;
use crate::settings::Settings;

/// How connections to Kafka are protected: complete, or not at all.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KafkaSecurity {
    /// librdkafka's `security.protocol`.
    pub protocol: SecurityProtocol,
    /// Who we are, when the protocol asks.
    pub sasl: Option<Sasl>,
    /// A file of certificate authorities (PEM) instead of the system's.
    pub ca_file: Option<PathBuf>,
}

/// Who we are to Kafka.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sasl {
    /// librdkafka's `sasl.mechanism`.
    pub mechanism: SaslMechanism,
    /// The user.
    pub username: String,
    /// The password.
    pub password: Secret,
}

const PROTOCOL: &str = "ESTEIRA_KAFKA_SECURITY_PROTOCOL";
const MECHANISM: &str = "ESTEIRA_KAFKA_SASL_MECHANISM";
const USERNAME: &str = "ESTEIRA_KAFKA_SASL_USERNAME";
const PASSWORD: &str = "ESTEIRA_KAFKA_SASL_PASSWORD";
const CA_FILE: &str = "ESTEIRA_KAFKA_CA_FILE";

/// # Errors
/// If the protocol authenticates without user or password, or a setting has no effect under the protocol.
pub(crate) fn security(settings: &Settings) -> Result<KafkaSecurity, ConfigError> {
    let protocol = settings.kafka_security_protocol;
    let (encrypted, authenticated) = match protocol {
        SecurityProtocol::Plaintext => (false, false),
        SecurityProtocol::Ssl => (true, false),
        SecurityProtocol::SaslPlaintext => (false, true),
        SecurityProtocol::SaslSsl => (true, true),
    };
    let given = [
        (MECHANISM, settings.kafka_sasl_mechanism.is_some(), authenticated),
        (USERNAME, settings.kafka_sasl_username.is_some(), authenticated),
        (PASSWORD, settings.kafka_sasl_password.is_some(), authenticated),
        (CA_FILE, settings.kafka_ca_file.is_some(), encrypted),
    ];
    if let Some((name, ..)) = given.iter().find(|(_, given, used)| *given && !used) {
        let problem = format!("it has no effect while {PROTOCOL} is {}", protocol.as_str());
        return Err(ConfigError::Inconsistent { name, problem });
    }
    let sasl = if authenticated { Some(sasl(settings)?) } else { None };
    Ok(KafkaSecurity { protocol, sasl, ca_file: settings.kafka_ca_file.clone() })
}

fn sasl(settings: &Settings) -> Result<Sasl, ConfigError> {
    let protocol = settings.kafka_security_protocol.as_str();
    let missing =
        |name| ConfigError::Inconsistent { name, problem: format!("{PROTOCOL}={protocol} needs it") };
    Ok(Sasl {
        mechanism: settings.kafka_sasl_mechanism.ok_or_else(|| missing(MECHANISM))?,
        username: settings.kafka_sasl_username.clone().ok_or_else(|| missing(USERNAME))?,
        password: settings.kafka_sasl_password.clone().ok_or_else(|| missing(PASSWORD))?,
    })
}
