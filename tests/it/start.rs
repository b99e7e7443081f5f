//! Bad days at the start: one clear line, and no start.

use std::net::TcpListener;
use std::process::Output;
use std::time::{Duration, Instant};

use esteira_testkit::engine;

use super::harness::platform::{ALL, Platform, free_port};

/// Runs the binary until it ends by itself.
fn run(arguments: &[&str], variables: &[(&str, &str)]) -> (Output, Duration) {
    let directory = tempfile::tempdir().unwrap();
    let started = Instant::now();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_esteira"))
        .args(arguments)
        .current_dir(directory.path())
        .env_clear()
        .env("ESTEIRA_USERS_PORT", free_port().to_string())
        .env("ESTEIRA_PRODUCTS_PORT", free_port().to_string())
        .env("ESTEIRA_ORDERS_PORT", free_port().to_string())
        .env("ESTEIRA_QUERY_PORT", free_port().to_string())
        .env("ESTEIRA_CONSOLE_PORT", free_port().to_string())
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    (output, started.elapsed())
}

/// The one line on standard error that is not a log line.
fn refusal(output: &Output) -> String {
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("esteira: ")).collect();
    assert_eq!(lines.len(), 1, "{text}");
    lines[0].to_owned()
}

#[test]
fn an_occupied_port_is_named_with_its_setting() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (output, _) = run(&[], &[("ESTEIRA_ORDERS_PORT", &port)]);
    let line = refusal(&output);
    assert!(line.contains("ESTEIRA_ORDERS_PORT") && line.contains(&port), "{line}");
}

#[test]
fn a_wrong_dsn_is_named_without_its_password() {
    let (output, _) = run(&[], &[("MYSQL_DSN", "root:hunter2@tcp(127.0.0.1)ecommerce")]);
    let line = refusal(&output);
    assert!(line.contains("MYSQL_DSN") && !line.contains("hunter2"), "{line}");
    let (output, took) = run(&[], &[("MYSQL_DSN", "root:hunter2@tcp(127.0.0.1:1)/ecommerce")]);
    let line = refusal(&output);
    assert!(line.contains("MYSQL_DSN") && line.contains("refused") && !line.contains("hunter2"), "{line}");
    assert_eq!(line.matches("refused").count(), 1, "a cause is told once: {line}");
    assert!(took < Duration::from_secs(30), "{took:?}");
}

#[test]
fn a_refused_password_stops_the_start_at_once() {
    let Some(dsn) = engine("MySQL", "MYSQL_DSN") else { return };
    let (user, rest) = dsn.split_once(':').unwrap();
    let wrong = format!("{user}:hunter2@{}", rest.split_once('@').unwrap().1);
    let (output, _) = run(&[], &[("MYSQL_DSN", &wrong)]);
    let line = refusal(&output);
    assert!(line.contains("Access denied") && !line.contains("hunter2"), "{line}");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("waiting for MySQL"));
}

#[test]
fn a_database_that_is_not_there_is_told_once() {
    let Some(dsn) = engine("MySQL", "MYSQL_DSN") else { return };
    let (server, _) = dsn.rsplit_once('/').unwrap();
    let line = refusal(&run(&[], &[("MYSQL_DSN", &format!("{server}/nowhere_at_all"))]).0);
    assert_eq!(line.matches("Unknown database").count(), 1, "{line}");
}

#[test]
fn tls_that_cannot_work_is_named_with_its_setting() {
    let directory = tempfile::tempdir().unwrap();
    let no_certificate = directory.path().join("ca.pem");
    std::fs::write(&no_certificate, "not a certificate").unwrap();
    let file = no_certificate.to_str().unwrap();
    let dsn = ("MYSQL_DSN", "ana:hunter2@tcp(127.0.0.1:1)/shop?tls=true");
    let brokers = ("KAFKA_BROKERS", "127.0.0.1:1");
    let ssl = ("ESTEIRA_KAFKA_SECURITY_PROTOCOL", "ssl");
    let contradiction = ("MONGO_URI", "mongodb://ana:hunter2@127.0.0.1:1/shop?tls=false&tlsCAFile=ca.pem");
    let cases: [(&[(&str, &str)], &str); 4] = [
        (&[dsn, ("ESTEIRA_MYSQL_CA_FILE", file)], "no certificate in PEM form"),
        (
            &[dsn, ("ESTEIRA_MYSQL_CA_FILE", "nowhere.pem")],
            "ESTEIRA_MYSQL_CA_FILE: nowhere.pem cannot be read",
        ),
        (&[brokers, ssl, ("ESTEIRA_KAFKA_CA_FILE", file)], "ESTEIRA_KAFKA_CA_FILE: "),
        (&[contradiction], "tlsCAFile"),
    ];
    for (variables, expected) in cases {
        let (output, took) = run(&[], variables);
        let line = refusal(&output);
        assert!(line.contains(expected) && !line.contains("hunter2"), "{line}");
        assert!(took < Duration::from_secs(9), "it was waited for: {took:?}");
    }
}

/// `scripts/check-tls` runs what was built with the feature.
#[cfg(not(feature = "kafka-tls"))]
#[test]
fn tls_and_scram_to_kafka_need_a_build_with_them() {
    let brokers = ("KAFKA_BROKERS", "127.0.0.1:1");
    let line = refusal(&run(&[], &[brokers, ("ESTEIRA_KAFKA_SECURITY_PROTOCOL", "ssl")]).0);
    assert!(
        line.contains("ESTEIRA_KAFKA_SECURITY_PROTOCOL=ssl needs") && line.contains("kafka-tls"),
        "{line}"
    );
    let scram = [
        brokers,
        ("ESTEIRA_KAFKA_SECURITY_PROTOCOL", "sasl_plaintext"),
        ("ESTEIRA_KAFKA_SASL_MECHANISM", "SCRAM-SHA-256"),
        ("ESTEIRA_KAFKA_SASL_USERNAME", "ana"),
        ("ESTEIRA_KAFKA_SASL_PASSWORD", "hunter2"),
    ];
    let line = refusal(&run(&[], &scram).0);
    assert!(line.contains("ESTEIRA_KAFKA_SASL_MECHANISM=SCRAM-SHA-256 needs"), "{line}");
    assert!(!line.contains("hunter2"), "{line}");
}

#[test]
fn a_role_of_its_own_needs_engines_that_it_can_share() {
    for (role, needs) in [
        ("user-service", "MYSQL_DSN"),
        ("dispatcher", "MYSQL_DSN and KAFKA_BROKERS"),
        ("projector", "KAFKA_BROKERS and MONGO_URI"),
        ("query-service", "MONGO_URI"),
    ] {
        let line = refusal(&run(&[role], &[]).0);
        assert!(line.contains(&format!("set {needs}:")), "{line}");
    }
}

#[test]
fn an_unknown_setting_and_a_wrong_value_are_named() {
    let line = refusal(&run(&[], &[("ESTEIRA_DATADIR", "x")]).0);
    assert!(line.contains("ESTEIRA_DATADIR") && line.contains("ESTEIRA_DATA_DIR"), "{line}");
    let line = refusal(&run(&[], &[("ESTEIRA_BATCH_MAX", "many")]).0);
    assert!(line.contains("ESTEIRA_BATCH_MAX") && line.contains("many"), "{line}");
}

#[tokio::test]
async fn a_database_of_a_newer_version_stops_the_start() {
    let mut platform = Platform::embedded().await;
    platform.stop_all().await;
    let db = platform.db().await;
    let mut tx = db.begin().await.unwrap();
    esteira_sql::on!(&mut tx.conn(), c => {
        sqlx::query("update schema_versions set version = 99 where name = 'orders'").execute(&mut *c).await.map(drop)
    })
    .unwrap();
    tx.commit().await.unwrap();
    db.close().await;
    assert!(!platform.command(ALL).status().unwrap().success());
    let log = std::fs::read_to_string(platform.log_of(ALL)).unwrap();
    let line = log.lines().last().unwrap();
    assert!(line.contains("version 99 of the orders tables") && line.contains("newer esteira"), "{line}");
}

#[tokio::test]
async fn a_second_process_on_the_same_files_is_refused_and_the_doctor_asks_the_first() {
    let platform = Platform::embedded().await;
    let mut second = platform.command(ALL);
    for name in ["USERS", "PRODUCTS", "ORDERS", "QUERY", "CONSOLE"] {
        second.env(format!("ESTEIRA_{name}_PORT"), free_port().to_string());
    }
    assert!(!second.status().unwrap().success());
    let log = std::fs::read_to_string(platform.log_of(ALL)).unwrap();
    assert!(log.lines().last().unwrap().contains("held by another esteira"), "{log}");
    assert!(platform.command("doctor").status().unwrap().success());
    let report = std::fs::read_to_string(platform.log_of("doctor")).unwrap();
    assert!(report.contains("28 of 28 present") && !report.contains("FAIL"), "{report}");
}
