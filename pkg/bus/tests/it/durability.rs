//! The embedded log is a file.

use esteira_bus::{EmbeddedLog, Log, LogError, PublishError};
use std::time::Duration;

use crate::fixture::{numbered, record, spec, take};

#[tokio::test]
async fn a_reopened_file_has_everything() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data/log.db");
    let log = EmbeddedLog::open(&path).await.unwrap();
    log.create_topics(&[spec("t", 2, &[("max.message.bytes", "500")])]).await.unwrap();
    assert!(log.publish(numbered("t", 10, 4)).await.iter().all(Result::is_ok));
    let mut consumer = log.subscribe("g", &["t"]).await.unwrap();
    let first = take(&mut *consumer, 4).await;
    consumer.commit(&first).await.unwrap();
    consumer.close().await;
    log.close().await;

    let log = EmbeddedLog::open(&path).await.unwrap();
    assert_eq!(log.create_topics(&[spec("t", 2, &[])]).await.unwrap(), [("t".to_owned(), false)]);
    let mut consumer = log.subscribe("g", &["t"]).await.unwrap();
    let rest = take(&mut *consumer, 6).await;
    assert!(rest.iter().all(|record| !first.contains(record)));
    let answers = log.publish(vec![record("t", "0", "10"), record("t", "0", &"x".repeat(500))]).await;
    assert!(answers[0].is_ok(), "{answers:?}");
    assert!(matches!(answers[1], Err(PublishError::Rejected(_) | PublishError::TooLarge(_))), "{answers:?}");
    assert_eq!(take(&mut *consumer, 1).await.len(), 1);
}

#[tokio::test]
async fn a_closed_log_is_unavailable() {
    let directory = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(&directory.path().join("log.db")).await.unwrap();
    log.create_topics(&[spec("t", 1, &[])]).await.unwrap();
    let mut consumer = log.subscribe("g", &["t"]).await.unwrap();
    log.publish(numbered("t", 1, 1)).await;
    let records = take(&mut *consumer, 1).await;
    log.close().await;
    let answers = log.publish(vec![record("t", "k", "1"), record("u", "k", "1")]).await;
    assert!(matches!(answers[0], Err(PublishError::Unavailable(_))), "{answers:?}");
    assert!(matches!(answers[1], Err(PublishError::Rejected(_) | PublishError::TooLarge(_))), "{answers:?}");
    assert!(matches!(log.describe().await, Err(LogError::Unavailable(_))));
    assert!(matches!(consumer.commit(&records).await, Err(LogError::Unavailable(_))));
}

/// SQLite's own limit stands in for a full disk.
#[tokio::test]
async fn a_full_disk_is_an_outage_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.db");
    let log = EmbeddedLog::open(&path).await.unwrap();
    log.create_topics(&[spec("t", 1, &[])]).await.unwrap();
    assert!(log.publish(numbered("t", 3, 1)).await.iter().all(Result::is_ok));
    let blocker = esteira_sql::sqlite::SqliteFile::open(&path).await.unwrap();
    sqlx::query("create trigger full before insert on records begin select raise(abort, 'disk full'); end")
        .execute(blocker.writer())
        .await
        .unwrap();
    let answers = log.publish(numbered("t", 2, 1)).await;
    assert!(answers.iter().all(|answer| matches!(answer, Err(PublishError::Unavailable(_)))), "{answers:?}");
    sqlx::query("drop trigger full").execute(blocker.writer()).await.unwrap();
    let answers = log.publish(numbered("t", 2, 1)).await;
    assert_eq!(answers.iter().map(|answer| answer.as_ref().unwrap().offset).collect::<Vec<_>>(), [3, 4]);
    let mut consumer = log.subscribe("g", &["t"]).await.unwrap();
    assert_eq!(take(&mut *consumer, 5).await.len(), 5);
    assert_eq!(consumer.take(1, Duration::from_millis(1)).await.unwrap(), []);
}
