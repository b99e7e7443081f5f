//! Faults of records: 15, 16, 17.

use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use esteira_bus::{Header, NewRecord, Record, TopicSpec, original};
use esteira_events::{EventType, Topics};
use esteira_testkit::eventually;
use futures::{StreamExt as _, stream};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use tokio::time::sleep;

use crate::harness::oracle::Oracle;
use crate::harness::platform::{Engines, Platform};
use crate::lab::Lab;
use crate::report::Verdict;
use crate::sql;
use crate::trial::Trial;

/// Sets what a topic has of its own.
async fn alter_topic(platform: &Platform, topic: &str, settings: &[(&str, &str)]) {
    let mut change = AlterConfig::new(ResourceSpecifier::Topic(topic)).set("retention.ms", "-1");
    for (name, value) in settings {
        change = change.set(name, value);
    }
    let answers = admin(platform).alter_configs([&change], &AdminOptions::new()).await.unwrap();
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

async fn delete_topic(platform: &Platform, topic: &str) {
    admin(platform).delete_topics(&[topic], &AdminOptions::new()).await.unwrap();
}

fn admin(platform: &Platform) -> AdminClient<DefaultClientContext> {
    let Engines::Servers { brokers, .. } = &platform.engines else { unreachable!("Kafka's topics") };
    ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap()
}

fn record(topic: &str, key: &str, value: Option<Vec<u8>>) -> NewRecord {
    let headers = vec![
        Header::text("ce_type", "no.such.type"),
        Header { name: "ce_sequence".to_owned(), value: Some(vec![0xff, 0x00]) },
        Header { name: "X-Null".to_owned(), value: None },
        Header::text("ce_type", "twice"),
    ];
    NewRecord { topic: topic.to_owned(), key: Some(key.as_bytes().to_vec()), value, headers }
}

/// What no consumer can read, and no other program's record resembles.
fn hopeless(topic: &str) -> Vec<NewRecord> {
    let text = |text: &str| Some(text.as_bytes().to_vec());
    let noise = (0..5_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    vec![
        record(topic, "900001", Some(vec![0xff, 0xfe, 0x00, 0x80])),
        record(topic, "900002", None),
        record(topic, "900003", text(r#"{"type": "no.such.event", "schema_version": 1, "a": 1}"#)),
        record(topic, "900004", text(r#"{"event_id": "x", "schema_version": 99, "order": "?"}"#)),
        record(topic, "900005", text("")),
        record(topic, "\u{0}", text("[1, 2")),
        record(topic, "900006", Some(noise)),
    ]
}

fn is_letter_of(letter: &Record, record: &NewRecord) -> bool {
    let is_same =
        |of: Record| of.key == record.key && of.value == record.value && of.headers == record.headers;
    original(letter).is_ok_and(is_same)
}

async fn letters(trial: &Trial, topic: &str) -> Vec<Record> {
    let (oracle, mut letters) = (trial.oracle().await, Vec::new());
    for partition in 0..3 {
        letters.extend(oracle.records(&Topics::dead_letters(topic), partition).await);
    }
    letters
}

pub async fn hopeless_records(lab: Arc<Lab>) -> Verdict {
    let load = lab.load();
    lab.platform(async move |platform: Platform| {
        let mut trial = Trial::start(platform, &[]).await;
        trial.letters = true;
        let topics = Topics::with_prefix(trial.platform.topic_prefix.clone());
        let log = trial.platform.log().await;
        trial.load(load).await;
        trial.fault();
        let mut records = Vec::new();
        // order.created has two consumer groups, order.paid one.
        for event in [EventType::OrderCreated, EventType::OrderPaid] {
            let topic = topics.name(event);
            for name in [topic.clone(), Topics::dead_letters(&topic)] {
                alter_topic(&trial.platform, &name, &[("max.message.bytes", "8000000")]).await;
            }
            records.extend(hopeless(&topic));
        }
        eventually("Kafka takes the large records", async || {
            let large = records.iter().filter(|record| record.value.as_ref().is_some_and(|value| value.len() > 1_000_000));
            log.publish(large.cloned().collect()).await.iter().all(Result::is_ok).then_some(())
        })
        .await;
        let answers = log.publish(records.clone()).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        for topic in [topics.name(EventType::OrderCreated), topics.name(EventType::OrderPaid)] {
            let of_topic: Vec<&NewRecord> = records.iter().filter(|record| record.topic == topic).collect();
            eventually(&format!("all of {topic} have their letters"), async || {
                let letters = letters(&trial, &topic).await;
                let has = |record: &&&NewRecord| letters.iter().any(|letter| is_letter_of(letter, record));
                (of_topic.iter().filter(has).count() == of_topic.len()).then_some(())
            })
            .await;
        }
        trial.accepted(20).await;
        trial.healed().await;
        trial.books("bad bytes, tombstone, unknown type and version, empty, half JSON, 5 MB on two topics: each in its queue byte for byte").await
    })
    .await
}

pub async fn queue_is_not_writable(lab: Arc<Lab>) -> Verdict {
    let time = lab.time(10, 30);
    let load = lab.load();
    lab.platform(async move |platform: Platform| {
        let mut trial = Trial::start(platform, &[]).await;
        trial.letters = true;
        let topic = Topics::with_prefix(trial.platform.topic_prefix.clone()).name(EventType::OrderPaid);
        let (log, group) =
            (trial.platform.log().await, format!("{}query-consumer", trial.platform.topic_prefix));
        trial.load(load).await;
        trial.fault();
        let queue = Topics::dead_letters(&topic);
        delete_topic(&trial.platform, &queue).await;
        let bad = record(&topic, "900001", Some(vec![0xff]));
        let at = log.publish(vec![bad.clone()]).await.pop().unwrap().unwrap();
        trial.platform.says("projector", 503).await;
        sleep(time).await;
        let lags = log.lag(&group, &[&topic]).await.unwrap();
        let lag = lags.into_iter().find(|lag| lag.partition == at.partition).unwrap();
        assert!(
            lag.committed.unwrap_or(0) <= at.offset,
            "the offset of the bad record was committed: {lag:?}"
        );
        log.create_topics(&[TopicSpec { name: queue, partitions: 3, replication: 1, config: vec![] }])
            .await
            .unwrap();
        trial.healed().await;
        trial.platform.says("projector", 200).await;
        assert!(letters(&trial, &topic).await.iter().any(|letter| is_letter_of(letter, &bad)));
        trial
            .books(format!(
                "the dead letter queue is deleted for {} s: offset not committed, not ready",
                time.as_secs()
            ))
            .await
    })
    .await
}

const TRIGGER: &str =
    "create trigger faults before insert on reservations for each row signal sqlstate '45000'";
/// A record is tried for half a minute before it is given up.
const PATIENCE: Duration = Duration::from_mins(3);
const DEAD: &str = "select count(*) from parked_records where state = 'dead'";

pub async fn redrive_twice(lab: Arc<Lab>) -> Verdict {
    let count = lab.count(200, 10_000);
    lab.platform(async move |platform: Platform| {
        let mut trial = Trial::start(platform, &["product-service-2"]).await;
        trial.letters = true;
        let (oracle, db) = (trial.oracle().await, trial.platform.db().await);
        let user = trial.shop.user("buyer").await;
        let product = trial.product(10_000_000).await;
        sql::execute(&db, TRIGGER).await;
        trial.fault();
        let order = |_| trial.shop.order(user, product, 1);
        let ledger: Vec<_> = stream::iter(0..count).map(order).buffer_unordered(32).collect().await;
        trial.ledger = ledger;
        let wanted = i64::try_from(count).unwrap();
        let begun = Instant::now();
        dead_letters(&oracle, |dead| dead == wanted).await;
        trial.notes.push(format!("given up within {} s", begun.elapsed().as_secs()));
        sql::execute(&db, "drop trigger faults").await;
        let mut first = redrive(&trial).spawn().unwrap();
        dead_letters(&oracle, |dead| dead < wanted * 2 / 3).await;
        first.kill().unwrap();
        first.wait().unwrap();
        trial.platform.kill("product-service");
        trial.platform.start("product-service").await;
        let (left, begun) = (oracle.ints(DEAD).await[0], Instant::now());
        for _ in 0..2 {
            let mut again = redrive(&trial);
            let status = tokio::task::spawn_blocking(move || again.status().unwrap()).await.unwrap();
            assert!(status.success(), "redrive --all failed");
        }
        trial.notes.push(format!("the last {left} redriven in {} s", begun.elapsed().as_secs()));
        trial.healed().await;
        trial.books(format!("{count} dead letters; redrive killed (-9) in the middle with a service, then twice to the end")).await
    })
    .await
}

/// Waits for a number of dead letters, for as long as it changes.
async fn dead_letters(oracle: &Oracle, enough: impl Fn(i64) -> bool) {
    let (mut before, mut changed) = (-1, Instant::now());
    loop {
        let dead = oracle.ints(DEAD).await[0];
        if enough(dead) {
            return;
        }
        if dead != before {
            (before, changed) = (dead, Instant::now());
        }
        assert!(changed.elapsed() < PATIENCE, "it stays at {dead} dead letters");
        sleep(Duration::from_millis(200)).await;
    }
}

fn redrive(trial: &Trial) -> std::process::Command {
    let mut command = trial.platform.command("dlq");
    command.args(["redrive", "--all"]).stdin(Stdio::null());
    command
}
