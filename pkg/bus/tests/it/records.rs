//! What goes in comes out, in order.

use std::collections::HashMap;

use esteira_bus::{Header, NewRecord};

use crate::fixture::{Fixture, contract, number, numbered, record, take, text, unique};

contract!(
    records_of_a_key_keep_their_order,
    concurrent_publishes_lose_nothing,
    every_byte_survives,
    positions_are_where_the_records_are,
    a_key_always_goes_to_the_partition_of_its_crc32,
    an_empty_publish_answers_nothing,
);

async fn records_of_a_key_keep_their_order(fixture: Fixture) {
    let topic = fixture.topic(3).await;
    fixture.publish(numbered(&topic, 500, 7)).await;
    let mut last: HashMap<Vec<u8>, usize> = HashMap::new();
    for record in fixture.consume(&unique("group"), &topic, 500, false).await {
        let number = number(&record);
        let previous = last.insert(record.key.clone().unwrap(), number);
        assert!(previous < Some(number), "{number} came after {previous:?}");
    }
}

async fn concurrent_publishes_lose_nothing(fixture: Fixture) {
    let topic = fixture.topic(3).await;
    let publishes = (0..50).map(|n| fixture.publish(vec![record(&topic, "k", &n.to_string())]));
    futures::future::join_all(publishes).await;
    let mut numbers: Vec<_> =
        fixture.consume(&unique("group"), &topic, 50, false).await.iter().map(number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..50).collect::<Vec<_>>());
}

async fn every_byte_survives(fixture: Fixture) {
    let topic = fixture.topic(1).await;
    let all_bytes: Vec<u8> = (0..=255).collect();
    let header =
        |name: &str, value: Option<&[u8]>| Header { name: name.into(), value: value.map(Into::into) };
    let new = |key: Option<&[u8]>, value: Option<&[u8]>, headers: Vec<Header>| NewRecord {
        topic: topic.clone(),
        key: key.map(Into::into),
        value: value.map(Into::into),
        headers,
    };
    let records = vec![
        new(Some(&all_bytes), Some(&all_bytes), vec![header("b", Some(&all_bytes))]),
        new(None, None, vec![]),
        new(
            Some(b""),
            Some(b""),
            vec![header("empty", Some(b"")), header("null", None), header("", Some(b"x"))],
        ),
        new(
            None,
            Some(b"v"),
            vec![header("twice", Some(b"1")), header("other", None), header("twice", Some(b"2"))],
        ),
        new(Some(b"k"), None, vec![header("Größe", Some("ß".as_bytes()))]),
    ];
    fixture.publish(records.clone()).await;
    let taken = fixture.consume(&unique("group"), &topic, records.len(), false).await;
    for (record, taken) in records.iter().zip(taken) {
        assert_eq!((&record.key, &record.value, &record.headers), (&taken.key, &taken.value, &taken.headers));
        assert!(taken.timestamp_ms.is_some_and(|ms| ms > 1_700_000_000_000));
    }
}

async fn positions_are_where_the_records_are(fixture: Fixture) {
    let topic = fixture.topic(3).await;
    let positions = fixture.publish(numbered(&topic, 60, 20)).await;
    for taken in fixture.consume(&unique("group"), &topic, 60, false).await {
        assert_eq!(positions[number(&taken)], taken.position());
        assert_eq!(taken.topic, topic);
        assert_eq!(taken.header("Content-Type"), Some("application/json"));
    }
}

async fn a_key_always_goes_to_the_partition_of_its_crc32(fixture: Fixture) {
    let topic = fixture.topic(5).await;
    let positions = fixture.publish(numbered(&topic, 40, 40)).await;
    for (n, position) in positions.iter().enumerate() {
        let expected = crc32fast::hash(n.to_string().as_bytes()) % 5;
        assert_eq!(position.partition.cast_unsigned(), expected, "key {n}");
    }
}

async fn an_empty_publish_answers_nothing(fixture: Fixture) {
    assert!(fixture.log.publish(Vec::new()).await.is_empty());
    let topic = fixture.topic(1).await;
    fixture.publish(vec![record(&topic, "k", "after")]).await;
    let mut consumer = fixture.log.subscribe(&unique("group"), &[&topic]).await.unwrap();
    assert_eq!(text(take(&mut *consumer, 1).await[0].value.as_deref()), "after");
}
