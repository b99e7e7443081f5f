//! The tools of an operator, beside a running platform.

use std::process::Output;

use esteira_testkit::eventually;
use esteira_views::{Filter, ORDERS};
use serde_json::{Value, json};

use super::harness::client::{Receipt, Shop};
use super::harness::platform::{Engines, Platform};

struct Told {
    code: i32,
    stdout: String,
}

async fn tool(platform: &Platform, arguments: &[&str]) -> Told {
    let mut command = platform.command(arguments[0]);
    command.args(&arguments[1..]).stdout(std::process::Stdio::piped());
    let Output { status, stdout, .. } =
        tokio::task::spawn_blocking(move || command.spawn().unwrap().wait_with_output().unwrap())
            .await
            .unwrap();
    Told { code: status.code().unwrap(), stdout: String::from_utf8(stdout).unwrap() }
}

async fn an_order(platform: &Platform) -> Receipt {
    let shop = Shop::new(platform.ports);
    let user = shop.user("Ana").await;
    let product = shop.product("Mouse", 9).await;
    let mut order = shop.order(user, product, 2).await;
    shop.pay(&mut order).await;
    order
}

async fn trace(platform: &Platform, order: &Receipt) -> Value {
    let told = tool(platform, &["trace", &order.order_id.to_string(), "--json"]).await;
    serde_json::from_str(&told.stdout).unwrap()
}

/// Each event has come to its end.
async fn all_applied(platform: &Platform, order: &Receipt) {
    eventually("the order's events are applied", || async {
        let journey = trace(platform, order).await;
        let events = journey["events"].as_array().unwrap().clone();
        (events.len() == 3 && events.iter().all(|event| event["state"] == "applied")).then_some(())
    })
    .await;
}

/// Each with its place, none with its password.
fn assert_names_the_engines(platform: &Platform, told: &str) {
    let names = match &platform.engines {
        Engines::Files(_) => ["SQLite /", "data/store.db", "data/log.db", "data/views.db"],
        Engines::Servers { .. } => {
            ["MySQL ", "Kafka ", "MongoDB ", platform.topic_prefix.trim_end_matches('.')]
        }
    };
    for name in names {
        assert!(told.contains(name), "{name:?} in {told}");
    }
    let dsn = std::env::var("MYSQL_DSN").unwrap_or_default();
    let password =
        dsn.split_once('@').and_then(|(user, _)| user.split_once(':')).map(|(_, password)| password);
    assert!(password.is_none_or(|password| password.is_empty() || !told.contains(password)), "{told}");
}

async fn the_tools_work(mut platform: Platform) {
    let order = an_order(&platform).await;
    all_applied(&platform, &order).await;
    let journey = trace(&platform, &order).await;
    assert_eq!(
        (journey["status"].as_str(), journey["version"].as_i64()),
        (Some("PAID"), Some(3)),
        "{journey}"
    );
    let first = &journey["events"][0];
    assert!(
        first["offset"].is_i64() && first["topic"].as_str().unwrap().ends_with("order.created"),
        "{first}"
    );
    let verified = tool(&platform, &["verify"]).await;
    assert_eq!(verified.code, 0, "{}", verified.stdout);
    assert_names_the_engines(&platform, &verified.stdout);
    let doctor = tool(&platform, &["doctor"]).await;
    assert_eq!(doctor.code, 0, "{}", doctor.stdout);
    let told = tool(&platform, &["trace", &order.order_id.to_string()]).await;
    assert!(
        told.stdout.contains("#2  order.paid") || told.stdout.contains("#2  order.updated"),
        "{}",
        told.stdout
    );

    let views = platform.views().await;
    let spoil = async |status: &str| {
        let set = [("status".to_owned(), json!(status))].into_iter().collect();
        views.update_where(&ORDERS, vec![(vec![Filter::eq("_id", order.order_id)], set)]).await.unwrap();
    };
    spoil("SHIPPED").await;
    let differs = tool(&platform, &["verify", "--json"]).await;
    let verified: Value = serde_json::from_str(&differs.stdout).unwrap();
    assert_names_the_engines(&platform, &verified["engines"].to_string());
    assert_eq!(
        (differs.code, verified["differences"][0]["at"].as_str()),
        (1, Some("view")),
        "{}",
        differs.stdout
    );
    let repaired = tool(&platform, &["verify", "--repair", "--json"]).await;
    let verified: Value = serde_json::from_str(&repaired.stdout).unwrap();
    assert_eq!((repaired.code, verified["repaired"].as_i64()), (0, Some(1)), "{}", repaired.stdout);
    assert_eq!(trace(&platform, &order).await["status"], "PAID");

    spoil("SHIPPED").await;
    let rebuilt = tool(&platform, &["rebuild", "orders"]).await;
    assert!(rebuilt.code == 0 && rebuilt.stdout.contains("1 documents replaced"), "{}", rebuilt.stdout);
    assert_eq!(trace(&platform, &order).await["status"], "PAID");
    assert_eq!(tool(&platform, &["trace", "999"]).await.code, 3);
    platform.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tools_work_beside_one_process_that_holds_the_files() {
    the_tools_work(Platform::embedded().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tools_work_beside_many_processes_on_servers() {
    Platform::cluster(async |platform: Platform| the_tools_work(platform).await).await;
}

/// A row of a type that has no topic holds its order back until somebody gives it up.
async fn a_row_that_cannot_be_published_is_skipped(mut platform: Platform) {
    let shop = Shop::new(platform.ports);
    let order = an_order(&platform).await;
    all_applied(&platform, &order).await;
    let db = platform.db().await;
    let mut tx = db.begin().await.unwrap();
    esteira_sql::on!(&mut tx.conn(), c => {
        sqlx::query(
            "insert into outbox (aggregate, aggregate_id, sequence, event_type, event_id, payload) \
             values ('order', ?, 4, 'order.teleported', 'e4', '{}')",
        )
        .bind(order.order_id)
        .execute(&mut *c)
        .await
        .unwrap();
        sqlx::query("update orders set version = 4 where id = ?").bind(order.order_id).execute(&mut *c).await.unwrap();
    });
    tx.commit().await.unwrap();
    let row = eventually("the row is refused", || async {
        let listed = tool(&platform, &["outbox", "list", "--json"]).await;
        let rows: Value = serde_json::from_str(&listed.stdout).unwrap();
        rows[0]["id"].as_i64()
    })
    .await;
    let (status, _) = shop
        .command(
            &[platform.ports.orders],
            &format!("/orders/{}/cancel", order.order_id),
            json!({ "reason": "late" }),
        )
        .await;
    assert_eq!(status, 400, "it is paid");
    let id = row.to_string();
    assert_eq!(tool(&platform, &["outbox", "retry", &id]).await.code, 0);
    // One that is being tried cannot be given up.
    eventually("it is refused again and given up", || async {
        let told = tool(&platform, &["outbox", "skip", &id, "--reason", "no such thing"]).await;
        (told.code == 0).then_some(())
    })
    .await;
    eventually("the view has passed it", || async {
        (trace(&platform, &order).await["version"].as_i64() == Some(4)).then_some(())
    })
    .await;
    assert_eq!(trace(&platform, &order).await["status"], "PAID");
    assert_eq!(tool(&platform, &["outbox", "skip", &id, "--reason", "again"]).await.code, 3);
    platform.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_cannot_be_published_is_skipped_on_servers() {
    Platform::cluster(async |platform: Platform| a_row_that_cannot_be_published_is_skipped(platform).await)
        .await;
}
