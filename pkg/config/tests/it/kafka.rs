//! Which Kafka security settings fit together.

use esteira_config::{SaslMechanism, SecurityProtocol};

use crate::{load, refusal};

const PROTOCOL: &str = "ESTEIRA_KAFKA_SECURITY_PROTOCOL";

#[test]
fn kafka_is_plaintext_by_default() {
    let security = load(&[], "").unwrap().kafka_security().unwrap();
    assert_eq!(
        (security.protocol, security.sasl, security.ca_file),
        (SecurityProtocol::Plaintext, None, None)
    );
}

#[test]
fn sasl_over_tls_has_all_its_parts() {
    let file = "[kafka]\nsecurity_protocol = 'SASL_SSL'\nca_file = '/ca.pem'\n[kafka.sasl]\nmechanism = 'SCRAM-SHA-512'\nusername = 'ana'\npassword = 'hunter2'\n";
    let security = load(&[], file).unwrap().kafka_security().unwrap();
    let sasl = security.sasl.unwrap();
    assert_eq!((security.protocol.as_str(), sasl.mechanism), ("sasl_ssl", SaslMechanism::ScramSha512));
    assert_eq!((sasl.username.as_str(), sasl.password.reveal()), ("ana", "hunter2"));
}

#[test]
fn sasl_without_a_user_is_refused() {
    let text = refusal(&[(PROTOCOL, "sasl_ssl"), ("ESTEIRA_KAFKA_SASL_MECHANISM", "PLAIN")], "");
    assert_eq!(text, "ESTEIRA_KAFKA_SASL_USERNAME: ESTEIRA_KAFKA_SECURITY_PROTOCOL=sasl_ssl needs it");
}

#[test]
fn a_setting_without_effect_is_refused() {
    let password = refusal(&[("ESTEIRA_KAFKA_SASL_PASSWORD", "hunter2")], "");
    assert_eq!(
        password,
        "ESTEIRA_KAFKA_SASL_PASSWORD: it has no effect while ESTEIRA_KAFKA_SECURITY_PROTOCOL is plaintext"
    );
    let ca = refusal(&[(PROTOCOL, "sasl_plaintext"), ("ESTEIRA_KAFKA_CA_FILE", "/ca.pem")], "");
    assert!(ca.starts_with("ESTEIRA_KAFKA_CA_FILE: it has no effect"), "{ca}");
}
