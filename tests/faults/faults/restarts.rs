//! Faults by starts and stops: 5, 12, 13, 20.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use esteira_events::{EventType, Topics};
use tokio::time::sleep;

use super::commands::doors;
use crate::harness::client::Shop;
use crate::harness::platform::{ALL, Platform, ROLES};
use crate::lab::Lab;
use crate::report::Verdict;
use crate::trial::Trial;

/// The transaction has its place in the outbox, and holds its commit back.
pub async fn open_transaction(lab: Arc<Lab>) -> Verdict {
    let held = lab.time(10, 60);
    let load = lab.load();
    lab.platform(async move |platform: Platform| {
        let mut trial = Trial::start(platform, &[]).await;
        trial.load(load).await;
        let oracle = trial.oracle().await;
        assert!(trial.platform.stop("user-service").await);
        let points = format!("batch-before-commit=1*sleep({})", held.as_millis());
        trial.platform.set("user-service", "FAILPOINTS", &points);
        trial.platform.start("user-service").await;
        trial.fault();
        let shop = trial.shop.clone().patient(2 * held + Duration::from_mins(1));
        let late = tokio::spawn(async move { shop.user("late").await });
        sleep(held.mul_f64(0.9)).await;
        let published = oracle.ints("select max(id) from outbox where processed_at is not null").await[0];
        let late = late.await.unwrap();
        let row = oracle
            .ints(&format!("select id from outbox where aggregate = 'user' and aggregate_id = {late}"))
            .await;
        assert!(
            row.len() == 1 && row[0] < published,
            "row {row:?} was to commit after row {published} was published"
        );
        trial.notes.push(format!("{} later rows were published before it", published - row[0]));
        trial.healed().await;
        trial.books(format!("a transaction of the user service held open for {} s", held.as_secs())).await
    })
    .await
}

/// A projector that is stopped right before its writes, until another has its partitions and has written the same.
pub async fn first_writes(lab: Arc<Lab>) -> Verdict {
    let rounds = lab.count(1, 4);
    let load = lab.load();
    lab.platform(async move |platform: Platform| {
        let mut trial = Trial::start(platform, &["projector-2"]).await;
        for process in ["projector", "projector-2"] {
            assert!(trial.platform.stop(process).await);
            trial.platform.set(process, "FAILPOINTS", "projector-before-write=sleep(100)");
            trial.platform.start(process).await;
        }
        trial.load(load).await;
        trial.fault();
        for round in 0..rounds {
            let stopped = ["projector", "projector-2"][round % 2];
            trial.platform.signal(stopped, "STOP");
            // Longer than a session: the group gives its partitions to the other.
            sleep(Duration::from_secs(14)).await;
            trial.platform.signal(stopped, "CONT");
            trial.accepted(100).await;
        }
        trial.healed().await;
        trial
            .books(format!(
                "{rounds} times SIGSTOP of a projector before its writes, until another has made them"
            ))
            .await
    })
    .await
}

pub async fn joins_and_leaves(lab: Arc<Lab>) -> Verdict {
    let time = lab.time(15, 60);
    let load = lab.load();
    lab.platform(async move |platform: Platform| {
        let mut trial = Trial::start(platform, &["projector-2"]).await;
        trial.load(load).await;
        let log = trial.platform.log().await;
        let topics = Topics::with_prefix(trial.platform.topic_prefix.clone());
        let names: Vec<String> = EventType::ALL.into_iter().map(|event| topics.name(event)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let group = format!("{}query-consumer", trial.platform.topic_prefix);
        let (begun, mut last, mut turns) = (Instant::now(), BTreeMap::new(), 0);
        trial.fault();
        while begun.elapsed() < time {
            let until = Instant::now() + Duration::from_secs(5);
            turns += 1;
            if turns % 2 == 0 {
                trial.platform.start("projector-2").await;
            } else {
                assert!(trial.platform.stop("projector-2").await, "it left badly");
            }
            while Instant::now() < until {
                // The broker may not have finished with topics that are new.
                for lag in log.lag(&group, &names).await.unwrap_or_default() {
                    let place = (lag.topic.clone(), lag.partition);
                    let before = last.insert(place, lag.committed);
                    assert!(before.flatten() <= lag.committed, "{lag:?} was {before:?}");
                }
            }
        }
        trial.healed().await;
        trial
            .books(format!(
                "a second projector left and joined {turns} times in {} s: no offset went back",
                time.as_secs()
            ))
            .await
    })
    .await
}

pub async fn rolling_restart(lab: Arc<Lab>) -> Verdict {
    let rounds = lab.count(1, 3);
    let load = lab.load();
    lab.platform(async move |platform: Platform| {
        let more: Vec<String> = ROLES.iter().map(|role| format!("{role}-2")).collect();
        let more: Vec<&str> = more.iter().map(String::as_str).collect();
        let mut trial = Trial::start(platform, &more).await;
        trial.shop = Shop::new(doors(&mut trial.platform));
        let processes: Vec<&str> = if trial.platform.is_one_process() {
            vec![ALL]
        } else {
            ROLES.iter().chain(&more).copied().collect()
        };
        trial.load(load).await;
        trial.fault();
        for _ in 0..rounds {
            for process in &processes {
                assert!(trial.platform.stop(process).await, "{process} ended badly");
                trial.platform.start(process).await;
            }
        }
        trial.accepted(20).await;
        trial.healed().await;
        let broken = trial.shop.answers.broken.load(Ordering::Relaxed);
        trial.notes.push(format!("{broken} requests lost their connection"));
        trial.notes.push(format!("{} answers were 503", trial.refused()));
        trial
            .books(format!("SIGTERM and start of {} processes in turn, {rounds} times", processes.len()))
            .await
    })
    .await
}
