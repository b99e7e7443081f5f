//! What is published, where, and in which order.

use std::collections::{HashMap, HashSet};

use esteira_events::EventType;
use esteira_testkit::{TestDb, on_every_engine, on_mysql};

use crate::fixture::{Fixture, TRACEPARENT, created, decoded, deleted, updated};

on_every_engine!(
    every_row_is_published_once_and_marked_with_its_place,
    a_record_has_key_value_and_headers,
    a_row_of_go_gets_its_key_from_its_value,
    a_key_keeps_its_order_in_a_topic,
    a_key_keeps_its_order_across_topics,
);
on_mysql!(a_row_that_commits_late_with_a_low_id_is_published);

async fn every_row_is_published_once_and_marked_with_its_place(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture.given((1..=300).map(created).collect()).await;
    let dispatcher = fixture.start("a");
    fixture.until_left(&[]).await;
    fixture.given((301..=310).map(created).collect()).await;
    fixture.until_left(&[]).await;
    dispatcher.stop().await;
    let records = fixture.records(EventType::UserCreated).await;
    let ids: HashSet<_> =
        records.iter().map(|record| decoded(EventType::UserCreated, record).aggregate_id()).collect();
    assert_eq!((records.len(), ids.len()), (310, 310));
    for record in records.iter().step_by(29) {
        let id = String::from_utf8(record.key.clone().unwrap()).unwrap();
        let place = "select kafka_partition * 100000 + kafka_offset from outbox where aggregate_id = ";
        let expected = i64::from(record.partition) * 100_000 + record.offset;
        assert_eq!(fixture.test.int(&format!("{place}{id}")).await, expected);
    }
}

async fn a_record_has_key_value_and_headers(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture.given(vec![updated(7, 3)]).await;
    let dispatcher = fixture.start("a");
    fixture.until_left(&[]).await;
    dispatcher.stop().await;
    let [record] = fixture.records(EventType::UserUpdated).await.try_into().unwrap();
    let event = decoded(EventType::UserUpdated, &record);
    let event_id = event.meta.event_id.to_string();
    let occurred_at = event.meta.occurred_at.to_string();
    assert_eq!(record.key.as_deref(), Some(b"7".as_slice()));
    for (name, value) in [
        ("content-type", "application/json"),
        ("ce_specversion", "1.0"),
        ("ce_id", event_id.as_str()),
        ("ce_type", "user.updated"),
        ("ce_source", "/esteira/users"),
        ("ce_subject", "7"),
        ("ce_time", occurred_at.as_str()),
        ("ce_sequence", "3"),
        ("traceparent", TRACEPARENT),
    ] {
        assert_eq!(record.header(name), Some(value), "{name}");
    }
}

async fn a_row_of_go_gets_its_key_from_its_value(test: TestDb) {
    const VALUE: &str = r#"{"event_id": "c5ed6cd5-8a70-44e7-b29c-400c003d8a64", "occurred_at": "2026-11-22T12:43:01.025990361Z", "order_id": 9, "reason": "changed mind"}"#;
    let fixture = Fixture::new(test).await;
    fixture
        .test
        .execute(&format!("insert into outbox (aggregate, event_type, payload) values ('order', 'order.canceled', '{VALUE}')"))
        .await;
    let dispatcher = fixture.start("a");
    fixture.until_left(&[]).await;
    dispatcher.stop().await;
    let [record] = fixture.records(EventType::OrderCanceled).await.try_into().unwrap();
    assert_eq!(record.key.as_deref(), Some(b"9".as_slice()));
    assert_eq!(record.header("ce_id"), Some("c5ed6cd5-8a70-44e7-b29c-400c003d8a64"));
    assert_eq!(record.header("ce_sequence"), None);
}

async fn a_key_keeps_its_order_in_a_topic(test: TestDb) {
    let fixture = Fixture::new(test).await;
    let users = 1..=5;
    fixture.given((1..=50).flat_map(|n| users.clone().map(move |user| updated(user, n))).collect()).await;
    let dispatcher = fixture.start("a");
    fixture.until_left(&[]).await;
    dispatcher.stop().await;
    for user in users {
        assert_eq!(fixture.sequences(EventType::UserUpdated, user).await, (1..=50).collect::<Vec<_>>());
    }
}

/// A record goes out only once the log has acknowledged all of its key's before it that went to other topics.
async fn a_key_keeps_its_order_across_topics(test: TestDb) {
    let fixture = Fixture::new(test).await;
    let life = |user| [created(user), updated(user, 2), updated(user, 3), deleted(user, 4)];
    fixture.given((1..=12).flat_map(life).collect()).await;
    let dispatcher = fixture.start("a");
    fixture.until_left(&[]).await;
    dispatcher.stop().await;
    let mut last: HashMap<Vec<u8>, i64> = HashMap::new();
    for wave in fixture.log.waves() {
        let mut topics: HashMap<Vec<u8>, String> = HashMap::new();
        for record in wave {
            let key = record.key.clone().unwrap();
            let topic = topics.entry(key.clone()).or_insert_with(|| record.topic.clone());
            assert_eq!(*topic, record.topic, "two topics of a key are on their way at once");
            let sequence = record.headers.iter().find(|header| header.name == "ce_sequence").unwrap();
            let sequence: i64 = String::from_utf8(sequence.value.clone().unwrap()).unwrap().parse().unwrap();
            assert_eq!(last.insert(key, sequence).unwrap_or(0) + 1, sequence);
        }
    }
    assert_eq!(last.len(), 12);
}

async fn a_row_that_commits_late_with_a_low_id_is_published(test: TestDb) {
    let fixture = Fixture::new(test).await;
    let mut slow = fixture.test.another().await.begin().await.unwrap();
    esteira_outbox::append(&mut slow.conn(), vec![created(1)]).await.unwrap();
    fixture.given((2..=20).map(created).collect()).await;
    let dispatcher = fixture.start("a");
    fixture.until_left(&[]).await;
    assert_eq!(fixture.records(EventType::UserCreated).await.len(), 19);
    slow.commit().await.unwrap();
    fixture.until_left(&[]).await;
    dispatcher.stop().await;
    assert_eq!(fixture.sequences(EventType::UserCreated, 1).await, [1]);
}
