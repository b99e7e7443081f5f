//! The command line as a shell and a script meet it.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use super::harness::platform::{ALL, Platform};

/// The program with nothing in its environment, in a directory of its own.
fn esteira(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_esteira"));
    command.args(arguments).env_clear().current_dir(std::env::temp_dir());
    command
}

fn text(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into_owned()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

/// What `command` shows on a terminal of its own.
fn on_a_terminal(platform: &Platform, arguments: &str, variables: &[(&str, &str)]) -> String {
    let mut command = platform.command("script");
    let line = format!("{} {arguments}", env!("CARGO_BIN_EXE_esteira"));
    let environment: Vec<(String, String)> = command
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_str()?.to_owned(), value?.to_str()?.to_owned())))
        .collect();
    let directory = command.get_current_dir().unwrap().to_owned();
    let path = std::env::var("PATH").unwrap();
    command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]).current_dir(directory);
    command.env_clear().envs(environment).env("PATH", path).env("TERM", "xterm-256color");
    let output = command.envs(variables.iter().copied()).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stdout));
    text(&output.stdout)
}

const ESCAPE: char = '\u{1b}';

#[test]
fn every_shell_gets_completions_that_know_the_subcommands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = esteira(&["completions", shell]).output().unwrap();
        let script = text(&output.stdout);
        assert!(
            output.status.success() && script.contains("redrive") && script.contains("order-service"),
            "{shell}"
        );
    }
}

#[test]
fn bash_completes_a_subcommand() {
    let output = esteira(&["completions", "bash"]).output().unwrap();
    let ask =
        "COMP_WORDS=(esteira doc); COMP_CWORD=1; _esteira esteira doc esteira; echo \"${COMPREPLY[@]}\"";
    let script = format!("{}\n{ask}", text(&output.stdout));
    let completed = Command::new("bash").args(["-c", &script]).output().unwrap();
    assert_eq!(text(&completed.stdout).trim(), "doctor", "{}", text(&completed.stderr));
}

#[test]
fn the_manual_has_a_page_for_every_subcommand() {
    let page = text(&esteira(&["man"]).output().unwrap().stdout);
    assert!(
        page.contains(".TH esteira 1") && page.contains("Exit codes") && page.contains("user\\-service"),
        "{page}"
    );
    let directory = tempfile::tempdir().unwrap();
    let made = esteira(&["man", "--out", directory.path().to_str().unwrap()]).output().unwrap();
    assert_eq!(code(&made), 0, "{}", text(&made.stderr));
    for name in ["esteira.1", "esteira-dlq.1", "esteira-dlq-redrive.1", "esteira-verify.1"] {
        let page = std::fs::read_to_string(directory.path().join(name)).unwrap();
        assert!(page.contains(".SH SYNOPSIS"), "{name}");
    }
    let nowhere = esteira(&["man", "--out", "/nowhere/at/all"]).output().unwrap();
    assert!(
        code(&nowhere) == 3 && text(&nowhere.stderr).contains("/nowhere/at/all"),
        "{}",
        text(&nowhere.stderr)
    );
}

#[test]
fn the_reference_of_the_settings_needs_no_valid_settings() {
    let page = esteira(&["config", "--reference"]).env("ESTEIRA_USERS_PORT", "many").output().unwrap();
    let written = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    assert_eq!(text(&page.stdout), std::fs::read_to_string(written).unwrap());
}

#[test]
fn a_wrong_call_is_told_by_its_code() {
    for (arguments, variables, expected) in [
        (&["dlq", "discard"][..], &[][..], 2),
        (&["teleport"], &[], 2),
        (&["doctor"], &[("ESTEIRA_USERS_PORT", "many")], 2),
        (&["doctor"], &[("ESTEIRA_DATADIR", "x")], 2),
        (&["healthcheck"], &[("PORT", "1")], 3),
        (&["user-service"], &[], 3),
        (&["doctor", "--json"], &[("MONGO_URI", "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=200")], 1),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let output =
            esteira(arguments).current_dir(&directory).envs(variables.iter().copied()).output().unwrap();
        assert_eq!(code(&output), expected, "{arguments:?} {variables:?}: {}", text(&output.stderr));
    }
}

#[test]
fn help_says_what_each_exit_code_means_and_shows_examples() {
    let help = text(&esteira(&["--help"]).output().unwrap().stdout);
    for part in ["Examples:", "Exit codes:", "\n  0    done", "\n  2    wrong arguments", "NO_COLOR"] {
        assert!(help.contains(part), "{part:?} in {help}");
    }
    assert!(!help.contains(ESCAPE));
}

/// The document that a tool prints, and the names of its members, or of those of its first element.
fn document(platform: &Platform, arguments: &[&str]) -> (Value, Vec<String>) {
    let mut command = platform.command(arguments[0]);
    let output = command.args(&arguments[1..]).arg("--json").stdout(std::process::Stdio::piped());
    let output = output.spawn().unwrap().wait_with_output().unwrap();
    let told: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}", text(&output.stdout)));
    let of = told.get(0).unwrap_or(&told);
    let mut names: Vec<String> = of.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    names.sort_unstable();
    (told, names)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_tool_prints_json_with_the_documented_fields() {
    let mut platform = Platform::embedded().await;
    let shop = super::harness::client::Shop::new(platform.ports);
    let (user, product) = (shop.user("Ana").await, shop.product("Mouse", 9).await);
    let order = shop.order(user, product, 1).await.order_id.to_string();
    platform.set("healthcheck", "PORT", &platform.ports.users.to_string());
    let documented: [(&[&str], &[&str]); 11] = [
        (&["doctor"], &["detail", "name", "ok"]),
        (&["healthcheck"], &["stages", "status"]),
        (
            &["config"],
            &[
                "about", "allowed", "also", "default", "env", "key", "kind", "origin", "readers", "secret",
                "value",
            ],
        ),
        (
            &["config", "--reference"],
            &[
                "about", "allowed", "also", "default", "env", "key", "kind", "origin", "readers", "secret",
                "value",
            ],
        ),
        (&["trace", &order], &["events", "order_id", "status", "version", "waiting"]),
        (&["verify"], &["aggregates", "differences", "read", "repaired", "total"]),
        (&["rebuild"], &["broken", "events", "removed", "replaced", "total"]),
        (&["dlq", "redrive", "--all"], &["handed_in", "refused", "total"]),
        (
            &["erase", "user", "7", "--dry-run"],
            &[
                "answers",
                "behind",
                "decisions",
                "documents",
                "events",
                "parked",
                "partitions",
                "published_again",
                "read",
                "records",
                "refused",
                "total",
                "users",
            ],
        ),
        (&["dlq", "list"], &[]),
        (&["outbox", "list"], &[]),
    ];
    for (arguments, fields) in documented {
        let (told, names) = document(&platform, arguments);
        assert_eq!(names, fields, "{arguments:?}: {told}");
    }
    platform.stop_all().await;
    let (_, topic) = document(&platform, &["topics"]);
    assert_eq!(topic, ["created", "topic"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_says_in_json_that_it_is_ready() {
    let mut platform = Platform::files();
    let directory = tempfile::tempdir().unwrap();
    let told = directory.path().join("ready.json");
    let mut command = platform.command(ALL);
    command.arg("--json").stdout(std::fs::File::create(&told).unwrap());
    let mut process = command.spawn().unwrap();
    let line = esteira_testkit::eventually("it is ready", || async {
        let text = std::fs::read_to_string(&told).unwrap();
        text.ends_with('\n').then(|| serde_json::from_str::<Value>(&text).unwrap())
    })
    .await;
    process.kill().unwrap();
    process.wait().unwrap();
    assert_eq!(line["roles"].as_array().unwrap().len(), 7, "{line}");
    assert_eq!(line["urls"]["user-service"], format!("http://127.0.0.1:{}", platform.ports.users));
    assert!(line["engines"]["store"].as_str().unwrap().ends_with("store.db"), "{line}");
    platform.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn colours_and_bars_are_for_terminals() {
    let mut platform = Platform::embedded().await;
    super::harness::client::Shop::new(platform.ports).user("Ana").await;
    let piped = platform.command("doctor").stdout(std::process::Stdio::piped()).output().unwrap();
    assert!(!text(&piped.stdout).contains(ESCAPE) && text(&piped.stdout).starts_with("ok "), "{piped:?}");
    assert!(on_a_terminal(&platform, "doctor", &[]).contains(ESCAPE));
    assert!(!on_a_terminal(&platform, "doctor", &[("NO_COLOR", "1")]).contains(ESCAPE));

    for long_work in ["rebuild", "verify", "erase user 1 --dry-run"] {
        let shown = on_a_terminal(&platform, long_work, &[]);
        assert!(shown.contains(" left") && shown.contains(ESCAPE), "{long_work}: {shown:?}");
        let words: Vec<&str> = long_work.split(' ').collect();
        let piped =
            platform.command(words[0]).args(&words[1..]).stderr(std::process::Stdio::piped()).output();
        let piped = piped.unwrap();
        assert!(!text(&piped.stderr).contains(ESCAPE) && !text(&piped.stderr).contains("left"), "{piped:?}");
    }
    platform.stop_all().await;
}
