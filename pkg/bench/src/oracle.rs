//! After a load: what was acknowledged is there, once, and all stores say the same.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use esteira_bus::PartitionLag;
use esteira_events::{EventType, Topics};
use esteira_projector::{GROUP, TOPICS, Verified};
use esteira_sql::{Db, on};
use sqlx::AssertSqlSafe;

use crate::http::Connection;
use crate::load::{Ledger, Shop};
use crate::platform::Platform;
use crate::progress::Progress;
use crate::sandbox::Sandbox;

/// How long the belt may stand still before it counts as stuck.
const STANDSTILL: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(100);
/// The last orders, whose views are looked at.
const LAST: usize = 100;

/// Lets the belt run dry, stops the platform and compares; what differs.
pub async fn judge(
    sandbox: &Sandbox,
    platform: &mut Platform<'_>,
    shop: &Shop,
    ledger: &Ledger,
) -> anyhow::Result<Vec<String>> {
    let db = sandbox.db(2).await?;
    let drained = drain(sandbox, platform, &db, ledger).await;
    platform.stop().await?;
    drained?;
    let mut differences = compare(&db, shop, ledger).await?;
    db.close().await;
    differences.extend(verify(platform)?);
    differences.extend(dead_letters(sandbox).await?);
    Ok(differences)
}

/// Waits until nothing is on its way any more.
pub async fn drain(
    sandbox: &Sandbox,
    platform: &Platform<'_>,
    db: &Db,
    ledger: &Ledger,
) -> anyhow::Result<()> {
    let progress = Progress::of("  waiting until every event has arrived", 0, "waiting");
    let log = if sandbox.site.kafka.is_some() { Some(sandbox.log().await?) } else { None };
    let (group, topics) = (sandbox.group(GROUP), sandbox.topics.names(&TOPICS));
    let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
    let (mut least, mut since) = (i64::MAX, Instant::now());
    loop {
        let mut waiting = int(db, "select count(*) from outbox where processed_at is null").await?;
        waiting +=
            int(db, "select count(*) from orders where reservation = 'PENDING' and status <> 'CANCELED'")
                .await?;
        if let Some(log) = &log {
            waiting += log.lag(&group, &topics).await?.iter().map(PartitionLag::lag).sum::<i64>();
        }
        progress.at(waiting.unsigned_abs());
        if waiting == 0 && are_visible(platform, ledger).await? {
            return Ok(());
        }
        if waiting < least {
            (least, since) = (waiting, Instant::now());
        }
        if since.elapsed() > STANDSTILL {
            bail!("the belt stands still: {waiting} things wait");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn are_visible(platform: &Platform<'_>, ledger: &Ledger) -> anyhow::Result<bool> {
    let mut connection = Connection::open(platform.ports.query).await?;
    for id in ledger.orders.iter().rev().take(LAST) {
        let answer = connection.get(&format!("/q/orders/{id}"), None).await?;
        if !answer.status.is_success() || answer.body.windows(9).any(|word| word == b"\"PENDING\"") {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn compare(db: &Db, shop: &Shop, ledger: &Ledger) -> anyhow::Result<Vec<String>> {
    let mut differences = Vec::new();
    let orders: HashSet<i64> = ints(db, "select id from orders").await?.into_iter().collect();
    let told: HashSet<i64> = ledger.orders.iter().copied().collect();
    if told.len() != ledger.orders.len() {
        differences.push(format!("{} orders were acknowledged twice", ledger.orders.len() - told.len()));
    }
    let lost = told.difference(&orders).count();
    if lost > 0 {
        differences.push(format!("{lost} acknowledged orders are lost"));
    }
    // A request without an answer may have become an order.
    let unasked = orders.difference(&told).count() as u64;
    if unasked > ledger.errors.values().sum() {
        differences.push(format!("{unasked} orders were never acknowledged"));
    }
    let sold = int(
        db,
        "select cast(coalesce(sum(quantity), 0) as signed) from order_products where order_id in (select id from orders where status <> 'CANCELED')",
    )
    .await?;
    let left = int(db, "select cast(coalesce(sum(stock), 0) as signed) from products").await?;
    let had = shop.stock * i64::try_from(shop.products.len())?;
    if had - sold != left {
        differences.push(format!("{left} pieces are left of {had}, and {sold} were sold"));
    }
    Ok(differences)
}

/// `esteira verify`: outbox, tables, views and log.
pub fn verify(platform: &Platform<'_>) -> anyhow::Result<Vec<String>> {
    let _progress = Progress::of("  verifying", 0, "events");
    let output = platform.command("verify").arg("--json").output().context("esteira verify")?;
    let verified: Verified = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("esteira verify: {}", String::from_utf8_lossy(&output.stderr)))?;
    let difference = |it: &esteira_projector::Difference| {
        format!("{}: {} where {} is expected", it.of, it.found, it.expected)
    };
    Ok(verified.differences.iter().map(difference).collect())
}

async fn dead_letters(sandbox: &Sandbox) -> anyhow::Result<Vec<String>> {
    let log = sandbox.log().await?;
    let queues = EventType::ALL.map(|event| Topics::dead_letters(&sandbox.topics.name(event)));
    let queues: Vec<&str> = queues.iter().map(String::as_str).collect();
    // A group that has read nothing lags behind by what is there.
    let partitions = log.lag(&sandbox.group("bench"), &queues).await?;
    let letters = |it: &PartitionLag| format!("{} has {} dead letters", it.topic, it.lag());
    Ok(partitions.iter().filter(|partition| partition.lag() > 0).map(letters).collect())
}

pub async fn int(db: &Db, sql: &str) -> anyhow::Result<i64> {
    ints(db, sql).await?.first().copied().context("no row")
}

async fn ints(db: &Db, sql: &str) -> anyhow::Result<Vec<i64>> {
    let mut reader = db.read().await?;
    Ok(
        on!(&mut reader.conn(), c => sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_all(&mut *c).await)?,
    )
}
