//! Faults of the engines: 8, 9, 11, 14.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use crate::harness::platform::Platform;
use crate::lab::Lab;
use crate::report::Verdict;
use crate::trial::Trial;

pub async fn kafka_is_down(lab: Arc<Lab>) -> Verdict {
    let outage = lab.time(10, 120);
    let engines = Arc::clone(&lab);
    let load = lab.load();
    lab.platform(async move |platform: Platform| {
        let mut trial = Trial::start(platform, &[]).await;
        trial.load(load).await;
        let refused = trial.refused();
        trial.fault();
        engines.engine("kill", "kafka").await;
        sleep(outage).await;
        is_not_ready(&trial, "dispatcher").await;
        trial.accepted(20).await;
        assert_eq!(trial.refused(), refused, "commands were refused while Kafka was away");
        engines.engine("start", "kafka").await;
        trial.healed().await;
        trial.in_order = true;
        trial
            .books(format!(
                "kill -9 of Kafka, down for {} s: every command accepted, drained in order",
                outage.as_secs()
            ))
            .await
    })
    .await
}

async fn is_not_ready(trial: &Trial, process: &str) {
    trial.platform.says(process, 503).await;
}

pub async fn mysql_is_killed(lab: Arc<Lab>) -> Verdict {
    let (cuts, outage) = (lab.count(3, 20), lab.time(5, 30));
    let engines = Arc::clone(&lab);
    let load = lab.load();
    lab.platform(async move |platform: Platform| {
        let mut trial = Trial::start(platform, &[]).await;
        trial.load(load).await;
        trial.fault();
        for _ in 0..cuts {
            engines.proxies().enable("mysql", false).await;
            engines.proxies().enable("mysql", true).await;
            trial.accepted(10).await;
        }
        engines.engine("kill", "mysql").await;
        let refused = trial.refused();
        sleep(outage).await;
        assert!(trial.refused() > refused, "nobody was told of the outage");
        is_not_ready(&trial, "order-service").await;
        engines.engine("start", "mysql").await;
        trial.healed().await;
        let told = trial.refused();
        trial.notes.push(format!("{told} answers 503 with problem+json and Retry-After"));
        trial
            .books(format!("{cuts} cuts of every connection, then kill -9 and {} s down", outage.as_secs()))
            .await
    })
    .await
}

pub async fn mongo_is_down(lab: Arc<Lab>) -> Verdict {
    let outage = lab.time(10, 120);
    let engines = Arc::clone(&lab);
    let load = lab.load();
    lab.platform(async move |platform: Platform| {
        let mut trial = Trial::start(platform, &[]).await;
        trial.load(load).await;
        trial.fault();
        engines.engine("kill", "mongo").await;
        sleep(outage).await;
        is_not_ready(&trial, "projector").await;
        engines.engine("start", "mongo").await;
        trial.healed().await;
        let done = format!(
            "kill -9 of FerretDB and PostgreSQL, down for {} s: paused, no dead letter",
            outage.as_secs()
        );
        trial.books(done).await
    })
    .await
}

/// MongoDB takes what it is sent and answers nothing, for longer than a member may be silent (`max.poll.interval.ms`).
pub async fn handler_is_too_slow(lab: Arc<Lab>) -> Verdict {
    let engines = Arc::clone(&lab);
    lab.platform(async move |platform: Platform| {
        let mut trial = Trial::start(platform, &["projector-2"]).await;
        trial.load(crate::harness::load::Plan { orders: None, rate: Some(20) }).await;
        trial.fault();
        engines.proxies().poison("mongo", "timeout", json!({"timeout": 0})).await;
        sleep(Duration::from_secs(330)).await;
        let refused = trial.refused();
        assert_eq!(refused, 0, "commands were refused while MongoDB hung");
        engines.proxies().heal().await;
        trial.healed().await;
        trial.platform.says("projector", 200).await;
        assert_eq!(trial.refused(), refused);
        trial.books("MongoDB answers nothing for 330 s, max.poll.interval.ms is 300 s").await
    })
    .await
}
