//! The token of the command services, in a process.

use std::process::Command;

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use super::harness::platform::{ALL, Platform};

/// With a word that no number and no trace's id has.
const TOKENS: [&str; 2] = ["tomorrow-mellon", "yesterday-mellon"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_want_one_of_the_tokens_of_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tokens");
    std::fs::write(&file, format!("{}\n{}\n", TOKENS[0], TOKENS[1])).unwrap();
    let mut platform = Platform::files();
    platform.set(ALL, "ESTEIRA_COMMAND_TOKEN_FILE", file.to_str().unwrap());
    platform.set(ALL, "ESTEIRA_LOG", "trace");
    platform.start(ALL).await;
    let (client, ports) = (Client::new(), platform.ports);
    let commands = [(ports.users, "/users"), (ports.products, "/products"), (ports.orders, "/orders")];
    for (port, path) in commands {
        for prefix in ["", "/api/v1"] {
            let url = format!("http://127.0.0.1:{port}{prefix}{path}");
            for request in [client.get(&url), client.post(&url).json(&json!({}))] {
                let answer = request.send().await.unwrap();
                assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{url}");
                assert_eq!(answer.headers()["content-type"], "application/problem+json");
                assert!(answer.headers().contains_key("www-authenticate"), "{url}");
            }
            let wrong = client.get(&url).bearer_auth("guessed-mellon").send().await.unwrap();
            assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED, "{url}");
            for token in TOKENS {
                let answer = client.get(&url).bearer_auth(token).send().await.unwrap();
                assert_eq!(answer.status(), StatusCode::OK, "{url}");
            }
        }
    }
    let user = json!({"name": "Ana", "email": "ana@example.com"});
    let create = client.post(format!("http://127.0.0.1:{}/users", ports.users)).json(&user);
    assert_eq!(create.bearer_auth(TOKENS[1]).send().await.unwrap().status(), StatusCode::CREATED);
    for open in [format!("{}/readyz", ports.users), format!("{}/q/users", ports.query)] {
        let answer = client.get(format!("http://127.0.0.1:{open}")).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{open}");
    }
    platform.stop_all().await;
    let log = std::fs::read_to_string(platform.log_of(ALL)).unwrap();
    assert!(log.contains("a wrong token was given") && !log.contains("mellon"), "a token is in the log");
}

#[test]
fn the_load_of_a_benchmark_sends_the_first_of_the_tokens() {
    let directory = tempfile::tempdir().unwrap();
    let tokens = format!("command_token = \"{},{}\"\n", TOKENS[0], TOKENS[1]);
    std::fs::write(directory.path().join("esteira.toml"), tokens).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_esteira"))
        .args(["bench", "latency", "--rate", "20", "--duration", "1", "--json"])
        .env_clear()
        .current_dir(directory.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !told.contains("mellon"), "{told}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let figures = report["figures"].as_array().unwrap();
    let errors = figures.iter().find(|figure| figure["name"] == "20/s, errors").unwrap();
    assert_eq!(errors["value"], 0.0);
}
