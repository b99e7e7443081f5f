//! Dead letters as an operator handles them, and who may.

use std::process::{Output, Stdio};

use esteira_bus::{Header, NewRecord};
use esteira_events::{EventType, Topics};
use esteira_testkit::eventually;
use esteira_views::{DocId, USERS};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::harness::client::Shop;
use super::harness::platform::{ALL, Engines, Platform};

/// A user that only a letter of Go tells of.
const LOST: i64 = 777_001;

/// Exit code, standard output and standard error of `esteira dlq`.
async fn run(platform: &Platform, arguments: &[&str]) -> (i32, String, String) {
    let mut command = platform.command("dlq");
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Output { status, stdout, stderr } =
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// Exit code, and all that is told.
async fn dlq(platform: &Platform, arguments: &[&str]) -> (i32, String) {
    let (code, out, err) = run(platform, arguments).await;
    (code, out + &err)
}

/// What is told in JSON.
async fn json_of(platform: &Platform, arguments: &[&str]) -> Value {
    let (code, out, err) = run(platform, arguments).await;
    assert_eq!(code, 0, "{err}");
    serde_json::from_str(&out).unwrap()
}

pub(super) async fn list(platform: &Platform, filters: &[&str]) -> Vec<Value> {
    let arguments = ["list", "--json"].iter().chain(filters).copied().collect::<Vec<_>>();
    serde_json::from_value(json_of(platform, &arguments).await).unwrap()
}

/// The letter whose original topic ends so.
async fn letter(platform: &Platform, topic: &str) -> Option<String> {
    let letters = list(platform, &[]).await;
    let found = letters.iter().find(|letter| letter["original_topic"].as_str().unwrap().ends_with(topic))?;
    Some(found["letter"].as_str().unwrap().to_owned())
}

pub(super) async fn publish(platform: &mut Platform, records: Vec<NewRecord>) {
    let files = matches!(platform.engines, Engines::Files(_));
    if files {
        // The log is a file of one process.
        platform.stop_all().await;
    }
    for outcome in platform.log().await.publish(records).await {
        outcome.unwrap();
    }
    if files {
        platform.start(ALL).await;
    }
}

/// A record in the place of event 2 of `user`, the event that follows it, and a letter of a Go projector.
fn poison(platform: &Platform, user: i64) -> Vec<NewRecord> {
    let topics = Topics::with_prefix(platform.topic_prefix.clone());
    let (created, updated) = (topics.name(EventType::UserCreated), topics.name(EventType::UserUpdated));
    let at = "2026-11-22T12:43:00Z";
    let eva = json!({"event_id": "0199aaaa-0000-7000-8000-000000000003", "occurred_at": at, "sequence": 3,
        "user": {"id": user, "name": "Eva", "email": "eva@example.com"}});
    let lost = json!({"event_id": "0199aaaa-0000-4000-8000-000000000001", "occurred_at": at,
        "user": {"id": LOST, "name": "Lost", "email": "lost@example.com"}});
    let of_go = json!({"original_topic": created, "error_message": "mongo was away", "timestamp": at,
        "original_event": lost.to_string()});
    let record = |topic: String, key: i64, value: Vec<u8>, headers| NewRecord {
        topic,
        key: Some(key.to_string().into_bytes()),
        value: Some(value),
        headers,
    };
    vec![
        record(updated.clone(), user, vec![0xff, 0, b'{'], vec![Header::text("ce_sequence", "2")]),
        record(updated, user, eva.to_string().into_bytes(), vec![]),
        record(Topics::dead_letters(&created), 1, of_go.to_string().into_bytes(), vec![]),
    ]
}

/// Name and version of a user's view.
async fn user(platform: &Platform, id: i64) -> Option<(String, i64)> {
    let document = platform.views().await.get(&USERS, &[DocId::Int(id)]).await.unwrap().pop()?;
    Some((document.body["name"].as_str().unwrap().to_owned(), document.version()))
}

async fn a_mistyped_topic_is_refused(platform: &Platform) {
    let mistyped = ["--topic", "order.payd"];
    for command in
        [&["list"][..], &["list", "--causes"], &["redrive", "--all"], &["redrive", "--all", "--dry-run"]]
    {
        let (code, told) = dlq(platform, &[command, &mistyped].concat()).await;
        let known = Topics::with_prefix(platform.topic_prefix.clone()).name(EventType::OrderPaid);
        assert!(
            code == 2 && told.contains("order.payd") && told.contains(&known),
            "{command:?}: {code} {told}"
        );
    }
}

async fn dead_letters_are_looked_at_handed_in_and_given_up(mut platform: Platform) {
    let ana = Shop::new(platform.ports).user("Ana").await;
    let records = poison(&platform, ana);
    publish(&mut platform, records).await;
    let broken = eventually("the record is a dead letter", || letter(&platform, "user.updated")).await;
    let of_go = letter(&platform, "user.created").await.unwrap();
    let open = list(&platform, &["--state", "open"]).await;
    assert_eq!(open.len(), 2, "{open:?}");
    let found = list(&platform, &["--aggregate", "user", "--id", &ana.to_string()]).await;
    assert_eq!((found.len(), found[0]["sequence"].as_i64()), (1, Some(2)), "{found:?}");

    let shown = json_of(&platform, &["show", &broken, "--json"]).await;
    assert_eq!((&shown["class"], &shown["key"]), (&json!("undecodable"), &json!(ana.to_string())));
    assert!(shown["would"][0]["effect"].as_str().unwrap().starts_with("it fails again: "), "{shown}");
    let (code, told) = dlq(&platform, &["show", &broken]).await;
    assert!(code == 0 && told.contains("header    ce_sequence: 2"), "{told}");
    let (code, told) = dlq(&platform, &["list", "--causes"]).await;
    assert!(
        code == 0
            && told.starts_with("LETTERS\tOPEN\tTOPIC\tGROUP\tERROR\n")
            && told.contains("mongo was away"),
        "{told}"
    );

    a_mistyped_topic_is_refused(&platform).await;

    let (code, told) = dlq(&platform, &["redrive", &of_go, "--dry-run"]).await;
    assert!(code == 0 && told.contains("the view's document is made") && told.contains("\"Lost\""), "{told}");
    assert_eq!((list(&platform, &["--state", "open"]).await.len(), user(&platform, LOST).await), (2, None));
    let (code, told) = dlq(&platform, &["redrive", &broken]).await;
    assert!(code == 1 && told.contains("cannot be redriven"), "{told}");
    let (code, told) = dlq(&platform, &["redrive", "--all", "--rate", "50"]).await;
    assert!(code == 1 && told.contains("1 of 2 handed in, 1 refused"), "{told}");
    eventually("the letter of Go is applied", || user(&platform, LOST)).await;
    eventually("its letter says so", || async {
        list(&platform, &["--state", "applied"]).await.pop().filter(|letter| letter["letter"] == *of_go)
    })
    .await;
    let (code, told) = dlq(&platform, &["redrive", &of_go]).await;
    assert!(code == 0 && told.contains("not open, left alone"), "{told}");

    assert_eq!(dlq(&platform, &["discard", &broken]).await.0, 2);
    let (code, told) = dlq(&platform, &["discard", &broken, "--reason", " "]).await;
    assert!(code == 2 && told.contains("must say why"), "{told}");
    assert_eq!(user(&platform, ana).await, Some(("Ana".to_owned(), 1)));
    let (code, told) = dlq(&platform, &["discard", &broken, "--reason", "a faulty import"]).await;
    assert!(code == 0 && told.contains("discarded"), "{told}");
    eventually("what followed it is applied", || async {
        user(&platform, ana).await.filter(|found| *found == ("Eva".to_owned(), 3))
    })
    .await;
    let discarded = list(&platform, &["--state", "discarded"]).await;
    assert_eq!((discarded.len(), &discarded[0]["reason"]), (1, &json!("a faulty import")), "{discarded:?}");

    for nothing in [broken.replace(".dlq/", ".dlq/9"), broken.replace("updated", "teleported")] {
        let (code, told) = dlq(&platform, &["show", &nothing]).await;
        assert!(code == 3 && told.contains(&format!("there is no dead letter {nothing}")), "{told}");
    }
    platform.stop_all().await;
    // On files the tool works by itself now.
    assert_eq!(list(&platform, &["--state", "discarded"]).await, discarded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_are_handled_beside_one_process_that_holds_the_files() {
    dead_letters_are_looked_at_handed_in_and_given_up(Platform::embedded().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_are_handled_beside_many_processes_on_servers() {
    Platform::cluster(async |platform: Platform| {
        dead_letters_are_looked_at_handed_in_and_given_up(platform).await;
    })
    .await;
}

async fn status(platform: &Platform, with: impl FnOnce(RequestBuilder) -> RequestBuilder) -> StatusCode {
    let url = format!("http://127.0.0.1:{}/admin/dead-letters", platform.ports.console);
    with(Client::new().get(url)).send().await.unwrap().status()
}

async fn restarted_with(platform: &mut Platform, variables: &[(&str, &str)]) {
    platform.stop_all().await;
    platform.unset(ALL);
    for (name, value) in variables {
        platform.set(ALL, name, value);
    }
    platform.start(ALL).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operators_api_answers_whom_it_may() {
    let mut platform = Platform::embedded().await;
    let port = platform.ports.console;
    assert_eq!(status(&platform, |get| get).await, 200);
    for (host, expected) in [
        (format!("localhost:{port}"), 200),
        (format!("[::1]:{port}"), 200),
        ("127.0.0.1".to_owned(), 200),
        (format!("evil.example:{port}"), 403),
        (format!("127.0.0.1.evil.example:{port}"), 403),
        (String::new(), 403),
    ] {
        assert_eq!(status(&platform, |get| get.header("host", &host)).await, expected, "{host:?}");
    }
    for (origin, expected) in [
        (format!("http://127.0.0.1:{port}"), 200),
        ("http://evil.example".to_owned(), 403),
        (format!("http://127.0.0.1:{}", platform.ports.users), 403),
        ("null".to_owned(), 403),
    ] {
        assert_eq!(status(&platform, |get| get.header("origin", &origin)).await, expected, "{origin}");
    }

    restarted_with(&mut platform, &[("ESTEIRA_HOST", "0.0.0.0")]).await;
    assert_eq!(status(&platform, |get| get).await, 403);
    assert_eq!(dlq(&platform, &["list"]).await.0, 3);

    restarted_with(&mut platform, &[("ESTEIRA_HOST", "0.0.0.0"), ("ESTEIRA_ADMIN_TOKEN", "hunter2")]).await;
    assert_eq!(status(&platform, |get| get).await, 401);
    for wrong in ["Bearer hunter", "Bearer hunter22", "Bearer ", "hunter2", "Basic hunter2"] {
        assert_eq!(status(&platform, |get| get.header("authorization", wrong)).await, 401, "{wrong}");
    }
    let right = |get: RequestBuilder| get.header("authorization", "Bearer hunter2");
    assert_eq!(status(&platform, right).await, 200);
    assert_eq!(status(&platform, |get| right(get).header("host", "esteira.example")).await, 200);
    let (code, told) = dlq(&platform, &["list"]).await;
    assert!(code == 3 && told.contains("ESTEIRA_ADMIN_TOKEN"), "{told}");
    platform.set("dlq", "ESTEIRA_ADMIN_TOKEN", "hunter2");
    let (code, told) = dlq(&platform, &["list"]).await;
    assert_eq!(code, 0, "{told}");
    platform.stop_all().await;
}
