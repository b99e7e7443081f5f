//! Every wrong setting stops with one line that names it.

use tempfile::TempDir;

use crate::{load, load_in, refusal};

#[test]
fn a_wrong_value_is_told_with_its_name_and_what_is_allowed() {
    assert_eq!(
        refusal(&[("ESTEIRA_USERS_PORT", "http")], ""),
        "ESTEIRA_USERS_PORT (environment): \"http\" is not allowed; allowed: a port from 1 to 65535, or 0 for any free one"
    );
    assert_eq!(
        refusal(&[("PRICE_POLICY", "cheap")], ""),
        "ESTEIRA_PRICE_POLICY (environment): \"cheap\" is not allowed; allowed: trust, catalog"
    );
    let batch = refusal(&[("ESTEIRA_BATCH_MAX", "0")], "");
    assert!(batch.ends_with("allowed: an integer from 1 to 1000"), "{batch}");
    let wait = refusal(&[("OUTBOX_POLL_INTERVAL", "soon")], "");
    assert!(wait.contains("such as 2s, 500ms"), "{wait}");
}

#[test]
fn a_wrong_value_in_the_file_is_told_with_its_key_and_the_file() {
    let text = refusal(&[], "users_port = 'http'");
    assert!(
        text.starts_with("users_port (") && text.contains("esteira.toml): \"http\" is not allowed"),
        "{text}"
    );
}

#[test]
fn a_wrong_secret_is_not_shown() {
    let mysql = refusal(&[("MYSQL_DSN", "root:hunter2@tcp(db:3306)")], "");
    assert!(mysql.starts_with("MYSQL_DSN (environment): the value is not allowed: it has no /"), "{mysql}");
    let mongo = refusal(&[("MONGO_URI", "root:hunter2@mongo")], "");
    for text in [mysql, mongo] {
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn an_unknown_variable_is_told_with_the_nearest_name() {
    assert_eq!(
        refusal(&[("ESTEIRA_USER_PORT", "1")], ""),
        "ESTEIRA_USER_PORT (environment) is no setting; the nearest is ESTEIRA_USERS_PORT"
    );
}

#[test]
fn variables_of_others_are_left_alone() {
    let others = [
        ("PATH", "/bin"),
        ("ESTEIRA_TEST_MYSQL", "1"),
        ("ESTEIRA_PORT", "tcp://10.0.0.1:8081"),
        ("ESTEIRA_SERVICE_HOST", "10.0.0.1"),
        ("ESTEIRA_SERVICE_PORT_HTTP", "8081"),
        ("ESTEIRA_PORT_8081_TCP_ADDR", "10.0.0.1"),
    ];
    assert!(load(&others, "").is_ok());
}

#[test]
fn a_service_link_in_place_of_a_port_is_explained() {
    let text = refusal(&[("ESTEIRA_USERS_PORT", "tcp://10.0.0.1:8081")], "");
    assert!(text.contains("enableServiceLinks"), "{text}");
}

#[test]
fn an_unknown_key_is_told_with_the_nearest_name() {
    let text = refusal(&[], "user_port = 1");
    assert!(
        text.starts_with("user_port (") && text.ends_with("is no setting; the nearest is users_port"),
        "{text}"
    );
    assert!(refusal(&[], "[kafka]\nbroker = 'a:1'").contains("the nearest is kafka_brokers"));
}

#[test]
fn a_key_in_two_spellings_is_told() {
    let text = refusal(&[], "users_port = 1\nESTEIRA_USERS_PORT = 2");
    assert!(text.ends_with("is given twice"), "{text}");
}

#[test]
fn a_value_of_another_kind_is_told() {
    assert!(refusal(&[], "users_port = [{a = 1}]").ends_with("users_port is neither a text nor a number"));
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let dir = TempDir::new().unwrap();
    let text = load_in(dir.path(), &[("ESTEIRA_CONFIG", "no.toml")]).unwrap_err().to_string();
    assert!(text.ends_with("no.toml: ESTEIRA_CONFIG names it, and there is no such file"), "{text}");
}

#[test]
fn a_file_that_is_no_toml_is_told_in_one_line_without_its_contents() {
    let text = refusal(&[], "users_port = 1\nmysql_dsn = root:hunter2@tcp(db)/s\n");
    assert!(text.contains("line 2") && !text.contains("hunter2"), "{text}");
}
