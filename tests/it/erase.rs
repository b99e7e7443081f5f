//! Erasing a person's data from every store, beside a platform that serves.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use esteira_bus::{Header, NewRecord};
use esteira_events::{EventType, Topics};
use esteira_sql::on;
use esteira_testkit::eventually;
use esteira_views::{DocId, Filter, ORDERS, PARKED, Query, Sort, USERS, Views};
use reqwest::Client;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use super::dlq;
use super::harness::client::{Receipt, Shop};
use super::harness::load::{Load, Plan};
use super::harness::oracle::Oracle;
use super::harness::platform::{ALL, Platform};
use super::harness::search::places;

const NAME: &str = "Zefirina Quixote";
const NEXT_NAME: &str = "Zefirina Ypsilon";
const EMAIL: &str = "zefirina.q@example.com";
const NEXT_EMAIL: &str = "z.ypsilon@example.com";
const EMAIL_OF_ZOE: &str = "zoe.quixote@example.com";
const HERS: [&str; 5] = [NAME, NEXT_NAME, EMAIL, NEXT_EMAIL, EMAIL_OF_ZOE];

struct Told {
    code: i32,
    /// Standard output.
    out: String,
    /// Standard error.
    err: String,
}

async fn tool(platform: &Platform, arguments: &[&str]) -> Told {
    let mut command = platform.command(arguments[0]);
    command.args(&arguments[1..]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Output { status, stdout, stderr } =
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Told { code: status.code().unwrap(), out: text(stdout), err: text(stderr) }
}

/// What a tool that goes well says.
async fn well(platform: &Platform, arguments: &[&str]) -> String {
    let Told { code, out, err } = tool(platform, arguments).await;
    assert_eq!(code, 0, "{arguments:?}: {out}{err}");
    out
}

async fn erased(platform: &Platform, users: &[i64], how: &[&str]) -> Value {
    let ids: Vec<String> = users.iter().map(i64::to_string).collect();
    let users = ids.iter().map(String::as_str);
    let arguments: Vec<&str> =
        ["erase", "user", "--json"].into_iter().chain(users).chain(how.iter().copied()).collect();
    serde_json::from_str(&well(platform, &arguments).await).unwrap()
}

/// The places that have something of hers. The embedded engines' files are looked at while nobody has them open.
async fn hers(platform: &mut Platform) -> BTreeSet<String> {
    if !platform.is_one_process() {
        return places(platform, &HERS).await;
    }
    platform.stop_all().await;
    let found = places(platform, &HERS).await;
    platform.start(ALL).await;
    found
}

/// Without the files: which part of one has it changes by itself.
fn but_files(places: BTreeSet<String>) -> BTreeSet<String> {
    places.into_iter().filter(|place| !place.starts_with("file ")).collect()
}

async fn execute(platform: &Platform, sql: &str) {
    let db = platform.db().await;
    let mut tx = db.begin().await.unwrap();
    on!(&mut tx.conn(), c => sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut *c).await.map(drop))
        .unwrap();
    tx.commit().await.unwrap();
    if platform.is_one_process() {
        db.close().await;
    }
}

fn user(id: i64, name: &str, email: &str) -> Value {
    json!({"id": id, "name": name, "email": email})
}

/// Records about her that no service of ours has made: bytes that are no event, events of a future that waits, an order that
/// cannot be read, a letter of Go.
fn strays(platform: &Platform, id: i64) -> Vec<NewRecord> {
    let topics = Topics::with_prefix(platform.topic_prefix.clone());
    let at = "2026-11-22T12:43:00Z";
    let record = |topic: String, key: String, value: Vec<u8>, headers| NewRecord {
        topic,
        key: Some(key.into_bytes()),
        value: Some(value),
        headers,
    };
    let (created, updated) = (topics.name(EventType::UserCreated), topics.name(EventType::UserUpdated));
    let bytes = [&[0xff, 0][..], NAME.as_bytes()].concat();
    let waits = json!({"event_id": "0199aaaa-0000-7000-8000-000000000050", "occurred_at": at, "sequence": 50,
        "user": user(id, NEXT_NAME, NEXT_EMAIL)});
    let unreadable = json!({"event_id": "0199aaaa-0000-7000-8000-000000000051", "occurred_at": at,
        "order": "none", "user": user(id, NAME, EMAIL), "schema_version": "one"});
    let of_go = json!({"event_id": "0199aaaa-0000-4000-8000-000000000052", "occurred_at": at,
        "user": user(id, NAME, EMAIL)});
    let letter = json!({"original_topic": created, "timestamp": at, "original_event": of_go.to_string(),
        "error_message": format!("user {NAME} <{EMAIL}> is there already")});
    vec![
        record(updated.clone(), id.to_string(), bytes, vec![]),
        record(
            updated,
            id.to_string(),
            waits.to_string().into_bytes(),
            vec![Header::text("ce_sequence", "50")],
        ),
        record(
            topics.name(EventType::OrderCreated),
            "1795351389".into(),
            unreadable.to_string().into(),
            vec![],
        ),
        record(Topics::dead_letters(&created), id.to_string(), letter.to_string().into_bytes(), vec![]),
    ]
}

/// Each letter with its state.
async fn letters(platform: &Platform) -> BTreeMap<String, String> {
    let text = |letter: &Value, field: &str| letter[field].as_str().unwrap().to_owned();
    let all = dlq::list(platform, &[]).await;
    all.iter().map(|letter| (text(letter, "letter"), text(letter, "state"))).collect()
}

async fn rename(platform: &Platform, id: i64, body: Value) {
    let url = format!("http://127.0.0.1:{}/users/{id}", platform.ports.users);
    let answer = Client::new().put(url).header("Idempotency-Key", "rename").json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

/// Her view and those of her orders, as they show her.
async fn shown(platform: &Platform, id: i64) -> Vec<(String, String)> {
    let views = platform.views().await;
    let of = |user: &Value| (user["name"].as_str().unwrap().into(), user["email"].as_str().unwrap().into());
    let users = views.get(&USERS, &[DocId::Int(id)]).await.unwrap();
    let filters = vec![Filter::eq("user_id", id)];
    let query = Query { filters, sort: Sort::ascending("_id"), after: None, limit: 10 };
    let orders = views.find(&ORDERS, &query).await.unwrap();
    users
        .iter()
        .map(|user| of(&Value::Object(user.body.clone())))
        .chain(orders.iter().map(|order| of(&order.body["user"])))
        .collect()
}

async fn waits_and_lies_dead(platform: &Platform) {
    eventually("what cannot be applied is parked, and told", || async {
        let parked = platform.views().await.count(&PARKED, &[], 10).await.unwrap();
        (parked == 3 && letters(platform).await.len() == 4).then_some(())
    })
    .await;
}

/// Two users to erase, one with an order, and one to keep.
struct Story {
    ana: i64,
    /// Has no order.
    zoe: i64,
    eva: i64,
    order: Receipt,
    /// The dead letter about her that was given up.
    letter: String,
}

async fn told(platform: &mut Platform, shop: &Shop) -> Story {
    let (eva, product) = (shop.user("Eva").await, shop.product("Mouse", 50).await);
    let create = async |name: &str, email: &str| {
        let body = json!({"name": name, "email": email});
        shop.command(&[platform.ports.users], "/users", body).await
    };
    let id = |answer: Value| answer["data"]["id"].as_i64().unwrap();
    let ana = id(create(NAME, EMAIL).await.1);
    // The refusal of a second one is kept too.
    assert_eq!(create(NAME, EMAIL).await.0, 409);
    let zoe = id(create(NAME, EMAIL_OF_ZOE).await.1);
    let order = shop.order(ana, product, 2).await;
    shop.order(eva, product, 1).await;
    rename(platform, ana, json!({"name": NEXT_NAME, "email": NEXT_EMAIL})).await;
    let records = strays(platform, ana);
    dlq::publish(platform, records).await;
    waits_and_lies_dead(platform).await;
    let dead = letters(platform).await;
    let letter = dead.keys().find(|letter| letter.contains("user.updated")).unwrap().clone();
    well(platform, &["dlq", "discard", &letter, "--reason", &format!("{NEXT_NAME} wrote to us")]).await;
    execute(
        platform,
        &format!(
            "insert into outbox_skipped (outbox_id, event_type, payload, reason, skipped_at) values \
             (999, 'user.updated', '{}', 'asked by {NAME}', '2026-11-22 12:43:00')",
            json!({"user": user(ana, NAME, EMAIL)})
        ),
    )
    .await;
    Story { ana, zoe, eva, order, letter }
}

/// A search that does not find her where she is would prove nothing.
fn is_everywhere(platform: &Platform, found: &BTreeSet<String>) {
    for place in
        ["users", "outbox", "outbox_skipped", "idempotency_keys", "parked_records", "dead_letter_decisions"]
    {
        let place = if platform.is_one_process() { format!("store.db: {place}") } else { place.to_owned() };
        assert!(found.contains(&place), "{place} is not in {found:?}");
    }
    let in_servers = [
        "user.created",
        "user.updated",
        "order.created",
        "user.created.dlq",
        "user.updated.dlq",
        "order.created.dlq",
        "views.users",
        "views.orders",
        "views.parked",
    ];
    let in_files =
        ["log.db: records", "views.db: views.users", "views.db: views.orders", "views.db: views.parked"];
    let others: &[&str] = if platform.is_one_process() { &in_files } else { &in_servers };
    for place in others {
        assert!(found.contains(*place), "{place} is not in {found:?}");
    }
}

async fn is_refused_until_it_may_be(platform: &Platform, shop: &Shop, story: &mut Story) {
    // Somebody needs to know whose the order is.
    let (id, order) = (story.ana.to_string(), story.order.order_id);
    let why = format!("user {id} cannot be erased while orders of it are open: {order}");
    for how in ["--dry-run", "--yes"] {
        let refused = tool(platform, &["erase", "user", &id, how]).await;
        assert!(refused.code == 1 && refused.err.contains(&why), "{how}: {}{}", refused.out, refused.err);
        assert!(!refused.out.contains("erased"), "{how}: {}", refused.out);
    }
    let refused = tool(platform, &["erase", "user", &id, "--dry-run", "--json"]).await;
    let told: Value = serde_json::from_str(&refused.out).unwrap();
    assert_eq!(
        (&told["users"], &told["refused"]),
        (&json!([]), &json!([{ "user_id": story.ana, "reason": why }])),
        "{told}"
    );
    shop.cancel(&mut story.order).await;
    assert_eq!(story.order.canceled, Some(true));
    assert_eq!(tool(platform, &["erase", "user", &id]).await.code, 2, "it must be said that it is meant");
    let nobody = tool(platform, &["erase", "user", "999", "--yes"]).await;
    assert!(nobody.code == 1 && nobody.err.contains("there is no user 999"), "{}", nobody.err);
}

async fn a_person_is_erased_from_every_store(mut platform: Platform) {
    let shop = Shop::new(platform.ports);
    let mut story = told(&mut platform, &shop).await;
    let (ana, zoe) = (story.ana, story.zoe);
    let before = letters(&platform).await;
    assert_eq!(before[&story.letter], "discarded");
    let found = hers(&mut platform).await;
    is_everywhere(&platform, &found);
    is_refused_until_it_may_be(&platform, &shop, &mut story).await;
    let counted = erased(&platform, &[ana, zoe], &["--dry-run"]).await;
    assert!(counted["records"].as_i64() >= Some(7) && counted["published_again"] == 0, "{counted}");
    assert_eq!(but_files(hers(&mut platform).await), but_files(found), "a dry run changes nothing");

    let done = erased(&platform, &[ana, zoe], &["--yes", "--reason", &format!("{NAME} asked")]).await;
    assert_eq!((&done["users"], &done["behind"]), (&json!([ana, zoe]), &json!([])), "{done}");
    assert_eq!(hers(&mut platform).await, BTreeSet::new(), "{done}");
    let nothing = ("erased".to_owned(), format!("erased-{ana}@erased.invalid"));
    assert_eq!(shown(&platform, ana).await, [nothing.clone(), nothing]);
    eventually("she who had no order is deleted", || async {
        shown(&platform, zoe).await.is_empty().then_some(())
    })
    .await;
    assert_eq!(shown(&platform, story.eva).await[1].0, "Eva");

    // Nothing came a second time: each letter is what it was, under its name.
    assert_eq!(letters(&platform).await, before);
    well(&platform, &["dlq", "show", &story.letter]).await;
    let verified = well(&platform, &["verify"]).await;
    assert!(verified.contains(" 0 differences"), "{verified}");
    well(&platform, &["rebuild"]).await;
    assert_eq!(hers(&mut platform).await, BTreeSet::new());
    assert_eq!(letters(&platform).await, before);
    let journey = well(&platform, &["trace", &story.order.order_id.to_string(), "--json"]).await;
    traced_to_where_they_are(&platform, &serde_json::from_str(&journey).unwrap()).await;

    let again = erased(&platform, &[ana, zoe], &["--yes"]).await;
    let found = ["events", "records", "documents", "parked", "answers", "decisions", "published_again"];
    assert!(found.iter().all(|what| again[*what] == 0), "{again}");
    a_restored_backup_is_erased_again(&mut platform, ana).await;
    platform.stop_all().await;
}

/// The events of an order are where its journey says.
async fn traced_to_where_they_are(platform: &Platform, journey: &Value) {
    if platform.is_one_process() {
        return;
    }
    for event in journey["events"].as_array().unwrap() {
        let (topic, partition) = (event["topic"].as_str().unwrap(), event["partition"].as_i64().unwrap());
        let offset = event["offset"].as_i64().unwrap();
        let log = platform.log().await;
        let page = log.read(topic, i32::try_from(partition).unwrap(), offset, 1).await.unwrap();
        assert_eq!(
            (page[0].offset, page[0].header("ce_id")),
            (offset, event["event_id"].as_str()),
            "{event}"
        );
    }
}

/// What a backup brings back goes by what the table of erasures says.
async fn a_restored_backup_is_erased_again(platform: &mut Platform, ana: i64) {
    execute(platform, &format!("update users set name = '{NAME}', email = '{EMAIL}' where id = {ana}")).await;
    let restored = json!({"event_id": "0199aaaa-0000-7000-8000-000000000060", "occurred_at": "2026-11-22T12:43:00.000Z",
        "sequence": 1, "schema_version": 1, "user": user(ana, NAME, EMAIL)});
    execute(
        platform,
        &format!("update outbox set payload = '{restored}' where aggregate = 'user' and aggregate_id = {ana} and sequence = 1"),
    )
    .await;
    assert!(!hers(platform).await.is_empty());
    let done = well(platform, &["erase", "again", "--yes"]).await;
    assert!(done.contains(&format!("user {ana}, ")), "{done}");
    assert_eq!(hers(platform).await, BTreeSet::new());
    let listed: Value = serde_json::from_str(&well(platform, &["erase", "list", "--json"]).await).unwrap();
    assert_eq!(
        (&listed[0]["user_id"], &listed[0]["reason"]),
        (&json!(ana), &json!("erased asked")),
        "{listed}"
    );
    assert!(listed[0]["erased_at"].is_string(), "{listed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_is_erased_from_the_files_of_one_process() {
    a_person_is_erased_from_every_store(Platform::embedded().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_is_erased_from_the_servers_of_many_processes() {
    Platform::cluster(async |platform: Platform| a_person_is_erased_from_every_store(platform).await).await;
}

/// Watches the views of the first orders: none goes back, and none goes away.
async fn watch(views: Arc<dyn Views>, enough: Arc<AtomicBool>) -> usize {
    let (mut seen, mut looks) = (BTreeMap::new(), 0);
    while !enough.load(Ordering::Relaxed) {
        let query = Query { filters: vec![], sort: Sort::ascending("_id"), after: None, limit: 400 };
        let documents = views.find(&ORDERS, &query).await.unwrap();
        let now: BTreeMap<DocId, i64> =
            documents.iter().map(|document| (document.id.clone(), document.version())).collect();
        // An order that is shown late pushes a later one off the page.
        let last = now.keys().next_back().cloned().unwrap_or(DocId::Int(0));
        for (id, version) in seen.range(..=last) {
            assert!(now.get(id) >= Some(version), "order {id} was at {version}, and is at {:?}", now.get(id));
        }
        seen.extend(now);
        looks += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    looks
}

async fn an_erasure_is_killed_again_and_again_under_load(mut platform: Platform) {
    let shop = Shop::new(platform.ports);
    let product = shop.product("Scarf", 10).await;
    let (_, answer) =
        shop.command(&[platform.ports.users], "/users", json!({"name": NAME, "email": EMAIL})).await;
    let ana = answer["data"]["id"].as_i64().unwrap();
    let mut hers_first = shop.order(ana, product, 1).await;
    shop.cancel(&mut hers_first).await;
    let mut load = Load::start(&shop, Plan { orders: None, rate: Some(150) }).await;
    load.stock.insert(product, 10);
    let enough = Arc::new(AtomicBool::new(false));
    let watching = tokio::spawn(watch(platform.views().await, Arc::clone(&enough)));

    let mut killed = 0;
    let mut patience = Duration::from_millis(100);
    loop {
        let id = ana.to_string();
        let mut command = platform.command("erase");
        let mut child = command.args(["user", &id, "--yes"]).spawn().unwrap();
        // Each time a little further.
        tokio::time::sleep(patience).await;
        patience = patience * 3 / 2;
        match child.try_wait().unwrap() {
            Some(status) if status.success() => break,
            Some(_) => {}
            None => killed += 1,
        }
        let _ = child.kill();
        child.wait().unwrap();
        // As time does.
        execute(&platform, "update leases set expires_at = 0 where name = 'erasure'").await;
    }
    assert!(killed > 2, "it was killed {killed} times");
    let stock = load.stock.clone();
    let mut ledger = load.finish().await;
    ledger.push(hers_first);
    let mut oracle = Oracle::of(&platform).await;
    eventually("all is quiet", || async { oracle.is_quiet(&ledger, &stock).await.ok() }).await;
    enough.store(true, Ordering::Relaxed);
    let looks = watching.await.unwrap();
    assert!(looks > 10 && ledger.len() > 100, "{looks} looks, {} orders", ledger.len());
    oracle.agrees(&ledger, &stock).await.unwrap();
    oracle.letters = false;
    assert_eq!(oracle.losses(&ledger).await.lost, 0);
    let verified = well(&platform, &["verify"]).await;
    assert!(verified.contains(" 0 differences"), "{verified}");
    drop(oracle);
    assert_eq!(hers(&mut platform).await, BTreeSet::new());
    eprintln!("killed {killed} times, {} orders meanwhile", ledger.len());
    platform.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_is_completed_after_kills_under_load_in_one_process() {
    an_erasure_is_killed_again_and_again_under_load(Platform::embedded().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_is_completed_after_kills_under_load_on_servers() {
    Platform::cluster(async |platform: Platform| {
        an_erasure_is_killed_again_and_again_under_load(platform).await;
    })
    .await;
}
