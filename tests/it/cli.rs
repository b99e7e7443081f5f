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
    let deeper = directory.path().join("share/man/man1");
    assert_eq!(code(&esteira(&["man", "--out", deeper.to_str().unwrap()]).output().unwrap()), 0);
    assert!(deeper.join("esteira.1").exists());
    let below_a_file = directory.path().join("esteira.1/man1").display().to_string();
    let refused = esteira(&["man", "--out", &below_a_file]).output().unwrap();
    assert!(
        code(&refused) == 3 && text(&refused.stderr).contains(&below_a_file),
        "{}",
        text(&refused.stderr)
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
        (&["healthcheck"], &[], 2),
        (&["user-service"], &[], 2),
        (&["doctor"], &[], 3),
        (&["doctor"], &NOBODY, 1),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let output =
            esteira(arguments).current_dir(&directory).envs(variables.iter().copied()).output().unwrap();
        assert_eq!(code(&output), expected, "{arguments:?} {variables:?}: {}", text(&output.stderr));
    }
}

/// Servers that do not answer.
const NOBODY: [(&str, &str); 3] = [
    ("MYSQL_DSN", "root:hunter2@tcp(127.0.0.1:1)/shop"),
    ("KAFKA_BROKERS", "127.0.0.1:1"),
    ("MONGO_URI", "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=200"),
];

#[test]
fn a_cause_is_told_once() {
    let output = esteira(&["doctor", "--json"]).envs(NOBODY).output().unwrap();
    let checks: Value = serde_json::from_slice(&output.stdout).unwrap();
    let store = checks[0]["detail"].as_str().unwrap();
    assert_eq!(store.matches("Connection refused").count(), 1, "{store}");
}

/// What looks at a platform.
const TOOLS: [&[&str]; 8] = [
    &["doctor"],
    &["verify"],
    &["trace", "1"],
    &["rebuild"],
    &["outbox", "list"],
    &["dlq", "list"],
    &["erase", "list"],
    &["erase", "user", "1", "--dry-run"],
];

#[test]
fn a_tool_does_not_make_the_platform_that_it_looks_at() {
    for arguments in TOOLS {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("empty")).unwrap();
        for data in ["data", "empty"] {
            let output =
                esteira(arguments).current_dir(&directory).env("ESTEIRA_DATA_DIR", data).output().unwrap();
            let (line, out) = (text(&output.stderr), text(&output.stdout));
            assert_eq!(
                (code(&output), out.as_str(), line.lines().count()),
                (3, "", 1),
                "{arguments:?} {line}"
            );
            for part in ["esteira: ESTEIRA_DATA_DIR: ", data, "MYSQL_DSN", "KAFKA_BROKERS", "MONGO_URI"] {
                assert!(line.contains(part), "{part:?} in {line}");
            }
        }
        assert!(!directory.path().join("data").exists());
        assert_eq!(std::fs::read_dir(directory.path().join("empty")).unwrap().count(), 0);
    }
    let [mysql, kafka, _] = NOBODY;
    let directory = tempfile::tempdir().unwrap();
    let output = esteira(&["verify"]).current_dir(&directory).envs([mysql, kafka]).output().unwrap();
    let line = text(&output.stderr);
    assert!(line.contains("none of views.db.") && line.ends_with("servers by MONGO_URI\n"), "{line}");
}

/// What prints without a platform.
const PRINTERS: [&[&str]; 8] = [
    &["--help"],
    &["config"],
    &["config", "--json"],
    &["config", "--reference"],
    &["openapi", "orders"],
    &["asyncapi"],
    &["completions", "bash"],
    &["man"],
];

/// A pipe that nobody reads any more, as `head` leaves it.
fn unread() -> std::io::PipeWriter {
    std::io::pipe().unwrap().1
}

fn assert_unread(arguments: &[&str], output: &Output) {
    assert_eq!((code(output), text(&output.stderr)), (141, String::new()), "{arguments:?}");
}

fn assert_full(arguments: &[&str], output: &Output) {
    let line = "esteira: standard output cannot be written: No space left on device (os error 28)\n";
    assert_eq!((code(output), text(&output.stderr).as_str()), (3, line), "{arguments:?}");
}

fn full() -> std::fs::File {
    std::fs::File::options().write(true).open("/dev/full").unwrap()
}

#[test]
fn output_that_nobody_reads_or_that_finds_no_space_is_no_panic() {
    for arguments in PRINTERS {
        assert_unread(arguments, &esteira(arguments).stdout(unread()).output().unwrap());
        assert_full(arguments, &esteira(arguments).stdout(full()).output().unwrap());
    }
    let nobody = esteira(&["teleport"]).stderr(full()).output().unwrap();
    assert_eq!(code(&nobody), 2);
    let nobody = esteira(&["user-service"]).stderr(full()).output().unwrap();
    assert_eq!(code(&nobody), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_whose_output_nobody_reads_ends_and_the_platform_goes_on() {
    let mut platform = Platform::files();
    // Its first lines are not read either.
    platform.start_with(ALL, |command| _ = command.stdout(unread())).await;
    esteira_testkit::eventually("the first lines are lost", || async {
        std::fs::read_to_string(platform.log_of(ALL)).unwrap().contains("nobody reads").then_some(())
    })
    .await;
    let shop = super::harness::client::Shop::new(platform.ports);
    // She may be erased.
    shop.user("Eva").await;
    let (user, product) = (shop.user("Ana").await, shop.product("Mouse", 9).await);
    shop.order(user, product, 1).await;
    // Lists are empty and print nothing.
    let prints = |arguments: &&[&str]| arguments.last() != Some(&"list");
    for arguments in TOOLS.into_iter().filter(prints) {
        for json in [&[][..], &["--json"]] {
            let tool = |stdout: std::process::Stdio| {
                let mut command = platform.command(arguments[0]);
                command.args(&arguments[1..]).args(json).stdout(stdout);
                command.stderr(std::process::Stdio::piped()).output().unwrap()
            };
            assert_unread(arguments, &tool(unread().into()));
            assert_full(arguments, &tool(full().into()));
        }
    }
    platform.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_under_its_log_does_not_stop_the_platform() {
    let mut platform = Platform::files();
    platform.start_with(ALL, |command| _ = command.stdout(full()).stderr(full())).await;
    super::harness::client::Shop::new(platform.ports).user("Ana").await;
    assert_eq!(platform.readiness(ALL).await, Some(200));
    platform.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_the_system_chose_is_told() {
    let mut platform = Platform::files();
    for name in ["USERS", "PRODUCTS", "ORDERS", "QUERY", "CONSOLE"] {
        platform.set(ALL, &format!("ESTEIRA_{name}_PORT"), "0");
    }
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
    let mut answers = Vec::new();
    for url in line["urls"].as_object().unwrap().values() {
        let answer = reqwest::get(format!("{}/readyz", url.as_str().unwrap())).await;
        answers.push(answer.ok().map(|answer| answer.status().as_u16()));
    }
    process.kill().unwrap();
    process.wait().unwrap();
    assert_eq!(answers, [Some(200); 5], "{line}");
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
        (&["verify"], &["aggregates", "differences", "engines", "read", "repaired", "total"]),
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
