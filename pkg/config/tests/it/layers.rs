//! Which layer wins, and what `esteira config` shows.

use std::path::{Path, PathBuf};
use std::time::Duration;

use esteira_config::{LogFormat, Origin, PricePolicy, Settings, markdown, reference, render};
use tempfile::TempDir;

use crate::{load, load_in};

fn origin<'a>(settings: &'a Settings, key: &str) -> &'a Origin {
    &settings.effective().iter().find(|row| row.key == key).unwrap().origin
}

#[test]
fn the_defaults_run_everything_embedded_on_this_machine() {
    let settings = load(&[], "").unwrap();
    assert!(settings.mysql_dsn.is_none() && settings.mongo_uri.is_none() && settings.kafka_brokers.is_none());
    assert_eq!((settings.host.as_str(), settings.data_dir.clone()), ("127.0.0.1", PathBuf::from("./data")));
    let ports = [settings.users_port, settings.products_port, settings.orders_port, settings.query_port];
    assert_eq!(ports, [8081, 8082, 8083, 8084]);
    assert_eq!((settings.topic_partitions, settings.topic_replication), (3, 1));
    assert_eq!((settings.batch_max, settings.command_queue, settings.command_workers), (64, 1024, 2));
    assert_eq!((settings.mysql_pool, settings.price_policy), (16, PricePolicy::Trust));
    assert_eq!(settings.consistency_wait, Duration::from_secs(2));
    assert_eq!(
        (settings.lease_ttl, settings.shutdown_grace),
        (Duration::from_secs(15), Duration::from_secs(20))
    );
    assert_eq!((settings.log.clone(), settings.log_format), (None, LogFormat::Pretty));
    assert!(settings.effective().iter().all(|row| row.origin == Origin::Default));
}

#[test]
fn the_file_is_stronger_than_a_default_and_the_environment_stronger_than_the_file() {
    let file = "users_port = 9001\norders_port = 9003\n";
    let settings = load(&[("ESTEIRA_ORDERS_PORT", "9103")], file).unwrap();
    assert_eq!((settings.users_port, settings.products_port, settings.orders_port), (9001, 8082, 9103));
    assert!(matches!(origin(&settings, "users_port"), Origin::File(path) if path.ends_with("esteira.toml")));
    assert_eq!(origin(&settings, "products_port"), &Origin::Default);
    assert_eq!(origin(&settings, "orders_port"), &Origin::Environment);
}

#[test]
fn the_file_may_use_tables_lists_and_the_names_of_the_variables() {
    let file =
        "MYSQL_DSN = 'a@tcp(db)/s'\nESTEIRA_PRICE_POLICY = 'catalog'\n[kafka]\nbrokers = ['a:1', 'b:2']\n";
    let settings = load(&[], file).unwrap();
    assert_eq!(settings.mysql_dsn.unwrap().to_string(), "a@tcp(db:3306)/s");
    assert_eq!(settings.kafka_brokers.unwrap().to_string(), "a:1,b:2");
    assert_eq!(settings.price_policy, PricePolicy::Catalog);
}

#[test]
fn a_secret_may_be_in_a_file_of_its_own() {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("token"), "swordfish\n").unwrap();
    let file = [("ESTEIRA_ADMIN_TOKEN_FILE", "token")];
    let settings = load_in(dir.path(), &file).unwrap();
    assert_eq!(settings.admin_token.as_ref().map(|tokens| tokens.first().reveal()), Some("swordfish"));
    assert!(!render(settings.effective()).contains("swordfish"));
    assert!(matches!(origin(&settings, "admin_token"), Origin::File(path) if path.ends_with("token")));
    let twice = load_in(dir.path(), &[file[0], ("ESTEIRA_ADMIN_TOKEN", "other")]).unwrap_err().to_string();
    assert!(twice.contains("ESTEIRA_ADMIN_TOKEN"), "{twice}");
    let absent = load_in(dir.path(), &[("MYSQL_DSN_FILE", "nowhere")]).unwrap_err().to_string();
    assert!(absent.contains("nowhere") && absent.contains("MYSQL_DSN_FILE"), "{absent}");
    // Only secrets: what else ends so is a misspelling.
    assert!(load_in(dir.path(), &[("ESTEIRA_HOST_FILE", "token")]).is_err());
}

#[test]
fn a_secret_that_has_not_arrived_in_its_file_leaves_nothing_open() {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("token"), "\n").unwrap();
    let error = load_in(dir.path(), &[("ESTEIRA_COMMAND_TOKEN_FILE", "token")]).unwrap_err().to_string();
    assert!(error.contains("ESTEIRA_COMMAND_TOKEN_FILE") && error.contains("empty"), "{error}");
}

#[test]
fn every_secret_may_be_in_a_file() {
    let dir = TempDir::new().unwrap();
    for row in reference().unwrap().iter().filter(|row| row.secret) {
        let error = load_in(dir.path(), &[(&format!("{}_FILE", row.env), "nowhere")]).unwrap_err();
        assert!(error.to_string().contains("nowhere"), "{error}");
    }
}

#[test]
fn the_file_can_be_named() {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("other.toml"), "users_port = 9001").unwrap();
    let settings = load_in(dir.path(), &[("ESTEIRA_CONFIG", "other.toml")]).unwrap();
    assert_eq!(settings.users_port, 9001);
}

#[test]
fn the_variables_of_the_go_services_mean_the_same() {
    let settings = load(
        &[
            ("MYSQL_DSN", "user:password@tcp(mysql:3306)/ecommerce?parseTime=true"),
            ("MONGO_URI", "mongodb://mongo:27017"),
            ("KAFKA_BROKERS", "kafka:9092"),
            ("OUTBOX_POLL_INTERVAL", "2s"),
            ("ENV", "production"),
            ("SERVICE_NAME", "user-service"),
            ("PORT", "8081"),
        ],
        "",
    )
    .unwrap();
    assert_eq!(settings.mysql_dsn.unwrap().database, "ecommerce");
    assert_eq!(settings.mongo_uri.unwrap().reveal(), "mongodb://mongo:27017");
    assert_eq!(settings.kafka_brokers.unwrap().as_slice(), ["kafka:9092"]);
    assert_eq!((settings.outbox_poll_interval, settings.port), (Duration::from_secs(2), Some(8081)));
    assert_eq!(
        (settings.env.as_str(), settings.service_name.as_deref()),
        ("production", Some("user-service"))
    );
}

#[test]
fn an_empty_variable_is_as_none() {
    let settings = load(&[("MYSQL_DSN", ""), ("ESTEIRA_USERS_PORT", " ")], "").unwrap();
    assert!(settings.mysql_dsn.is_none());
    assert_eq!(settings.users_port, 8081);
}

#[test]
fn the_longer_name_of_the_price_policy_is_the_stronger() {
    let both = [("PRICE_POLICY", "trust"), ("ESTEIRA_PRICE_POLICY", "catalog")];
    assert_eq!(load(&both, "").unwrap().price_policy, PricePolicy::Catalog);
    assert_eq!(load(&[("PRICE_POLICY", "catalog")], "").unwrap().price_policy, PricePolicy::Catalog);
}

#[test]
fn what_is_shown_has_origins_and_no_secrets() {
    let settings = load(
        &[
            ("MYSQL_DSN", "root:hunter2@tcp(db)/ecommerce"),
            ("MONGO_URI", "mongodb://root:hunter2@mongo/ecommerce"),
            ("ESTEIRA_KAFKA_SECURITY_PROTOCOL", "sasl_ssl"),
            ("ESTEIRA_KAFKA_SASL_MECHANISM", "plain"),
            ("ESTEIRA_KAFKA_SASL_USERNAME", "ana"),
            ("ESTEIRA_KAFKA_SASL_PASSWORD", "hunter2"),
        ],
        "",
    )
    .unwrap();
    let shown = render(settings.effective());
    for text in [&shown, &format!("{settings:?}")] {
        assert!(!text.contains("hunter2"), "{text}");
    }
    assert!(shown.contains("root:***@tcp(db:3306)/ecommerce"), "{shown}");
    assert!(shown.contains("mongodb://root:***@mongo/ecommerce"), "{shown}");
    assert!(
        shown.lines().any(|line| line.starts_with("ESTEIRA_USERS_PORT") && line.ends_with("default")),
        "{shown}"
    );
}

#[test]
fn every_setting_is_described() {
    let settings = reference().unwrap();
    assert_eq!(settings.len(), 38);
    for row in &settings {
        for text in [row.about, row.kind, &row.allowed, row.env, row.readers] {
            assert!(!text.is_empty(), "{row:?}");
        }
        assert_eq!(row.value, row.default);
    }
    assert!(settings.iter().any(|row| row.key == "kafka_sasl_password" && row.secret));
}

#[test]
fn the_page_of_the_documentation_is_what_the_table_makes() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let written = std::fs::read_to_string(page).unwrap();
    assert!(
        written == markdown(&reference().unwrap()),
        "docs/configuration.md is out of date: cargo run -- config --reference > docs/configuration.md"
    );
}
