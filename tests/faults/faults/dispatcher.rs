//! Faults of the dispatcher and its outbox: 3, 4, 6, 7.

use std::sync::Arc;

use esteira_events::EventType;
use esteira_testkit::eventually;
use futures::future::try_join_all;

use super::commands::crash_at;
use crate::harness::platform::Platform;
use crate::lab::Lab;
use crate::report::Verdict;
use crate::sql;
use crate::trial::Trial;

const BOTH: [&str; 2] = ["dispatcher", "dispatcher-2"];

pub async fn dies_around_a_send(lab: Arc<Lab>) -> Verdict {
    let rounds = lab.count(1, 4);
    let load = lab.load();
    lab.platform(async move |platform: Platform| {
        let mut trial = Trial::start(platform, &[]).await;
        trial.load(load).await;
        trial.fault();
        for round in 0..rounds {
            for point in ["dispatcher-before-send", "dispatcher-before-mark"] {
                crash_at(&mut trial, "dispatcher", &format!("{point}={}*off->return", 1 + 5 * round)).await;
            }
        }
        trial.healed().await;
        trial
            .books(format!("{rounds} crashes before a send and {rounds} between acknowledgement and mark"))
            .await
    })
    .await
}

/// Stopped between the log's acknowledgement and its mark, until another owner has the slots and has marked.
pub async fn owner_is_stopped(lab: Arc<Lab>) -> Verdict {
    let load = lab.load();
    lab.platform(async move |platform: Platform| {
        let mut trial = Trial::start(platform, &[]).await;
        assert!(trial.platform.stop("dispatcher").await);
        let user = trial.shop.user("early").await;
        trial.platform.set("dispatcher", "FAILPOINTS", "dispatcher-before-mark=1*sleep(5000)");
        trial.platform.spawn("dispatcher");
        let oracle = trial.oracle().await;
        let topic = oracle.topics.name(EventType::UserCreated);
        eventually("its first record is in Kafka", async || {
            let mut records = 0;
            for partition in 0..3 {
                records += oracle.records(&topic, partition).await.len();
            }
            (records == 1).then_some(())
        })
        .await;
        trial.platform.signal("dispatcher", "STOP");
        let unmarked = format!("select id from outbox where aggregate_id = {user} and processed_at is null");
        assert_eq!(oracle.ints(&unmarked).await.len(), 1, "it was stopped before the mark");
        trial.platform.start("dispatcher-2").await;
        trial.load(load).await;
        trial.fault();
        eventually("the other owner marks", async || oracle.ints(&unmarked).await.is_empty().then_some(())).await;
        let places = "select kafka_partition * 1000000 + kafka_offset from outbox where id = 1";
        let place = oracle.ints(places).await;
        trial.platform.signal("dispatcher", "CONT");
        let log = trial.platform.log_of("dispatcher");
        eventually("it is told that it has lost its slots", async || {
            std::fs::read_to_string(&log).unwrap().contains("dispatcher lost its slots").then_some(())
        })
        .await;
        assert_eq!(oracle.ints(places).await, place, "the old owner has marked");
        trial.healed().await;
        trial.books("SIGSTOP between acknowledgement and mark until another had its slots and had marked, SIGCONT").await
    })
    .await
}

pub async fn rollbacks(lab: Arc<Lab>) -> Verdict {
    let (each, hands) = (lab.count(100, 1_250), 8);
    let load = lab.load();
    lab.platform(async move |platform: Platform| {
        let mut trial = Trial::start(platform, &BOTH[1..]).await;
        trial.load(load).await;
        let db = trial.platform.db().await;
        trial.fault();
        let hand = async |db: esteira_sql::Db| {
            for _ in 0..each {
                sql::undo(&db, "insert into outbox (event_type, payload) values ('order.paid', '{}')").await;
            }
            Ok::<(), ()>(())
        };
        try_join_all((0..hands).map(|_| hand(db.clone()))).await.unwrap();
        trial.accepted(20).await;
        trial.healed().await;
        trial.books(format!("{} transactions with outbox rows rolled back", each * hands)).await
    })
    .await
}

pub async fn unpublishable_row(lab: Arc<Lab>) -> Verdict {
    let (load, passing) = (lab.load(), if lab.short { 50 } else { 200 });
    lab.platform(async move |platform: Platform| {
        let mut trial = Trial::start(platform, &[]).await;
        let user = trial.shop.user("large").await;
        let (oracle, db) = (trial.oracle().await, trial.platform.db().await);
        let waiting = "select id from outbox where processed_at is null order by id";
        eventually("the creation is published", async || oracle.ints(waiting).await.is_empty().then_some(())).await;
        assert!(trial.platform.stop("dispatcher").await);
        trial.shop.rename(user, "Large").await;
        let stuck = oracle.ints(waiting).await[0];
        let set = |name: &str| {
            let now = "next_attempt_at = 0";
            format!("update outbox set payload = json_set(payload, '$.user.name', {name}), {now} where id = {stuck}")
        };
        sql::execute(&db, &set("repeat('x', 2000000)")).await;
        trial.shop.rename(user, "Larger").await;
        trial.platform.start("dispatcher").await;
        trial.load(load).await;
        trial.fault();
        trial.accepted(passing).await;
        let refused = format!("select attempts from outbox where id = {stuck} and attempts > 0");
        eventually("the row is refused", async || (!oracle.ints(&refused).await.is_empty()).then_some(())).await;
        let others = format!("select count(*) from outbox where processed_at is not null and id > {stuck}");
        assert!(oracle.ints(&others).await[0] > 0, "nothing passes the row");
        let waits = format!("select count(*) from outbox where processed_at is null and aggregate = 'user' and aggregate_id = {user}");
        assert_eq!(oracle.ints(&waits).await, [2], "the row and its successor wait");
        sql::execute(&db, &set("'Large'")).await;
        trial.healed().await;
        trial.books("an event of 2 MB, another of its aggregate behind it; then mended").await
    })
    .await
}
