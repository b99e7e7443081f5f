//! Committed offsets: where a group goes on.

use std::time::{Duration, Instant};

use crate::fixture::{DEADLINE, Fixture, WAIT, contract, number, numbered, record, take, unique};

contract!(
    a_group_goes_on_where_it_committed,
    what_was_not_committed_comes_again,
    rewind_brings_back_what_was_not_committed,
    a_committed_offset_never_goes_back,
    only_what_was_taken_is_committed,
    groups_do_not_touch_each_other,
    a_topic_that_is_created_later_is_read,
    take_does_not_wait_to_fill,
    take_gives_at_most_what_is_asked,
    a_closed_take_loses_nothing,
);

async fn a_group_goes_on_where_it_committed(fixture: Fixture) {
    let (topic, group) = (fixture.topic(3).await, unique("group"));
    fixture.publish(numbered(&topic, 30, 10)).await;
    let first = fixture.consume(&group, &topic, 12, true).await;
    let second = fixture.consume(&group, &topic, 18, true).await;
    let mut numbers: Vec<_> = first.iter().chain(&second).map(number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..30).collect::<Vec<_>>());
}

async fn what_was_not_committed_comes_again(fixture: Fixture) {
    let (topic, group) = (fixture.topic(1).await, unique("group"));
    fixture.publish(numbered(&topic, 5, 1)).await;
    let first = fixture.consume(&group, &topic, 5, false).await;
    assert_eq!(fixture.consume(&group, &topic, 5, false).await, first);
}

async fn rewind_brings_back_what_was_not_committed(fixture: Fixture) {
    let (topic, group) = (fixture.topic(3).await, unique("group"));
    fixture.publish(numbered(&topic, 30, 10)).await;
    let mut consumer = fixture.log.subscribe(&group, &[&topic]).await.unwrap();
    let committed = take(&mut *consumer, 10).await;
    consumer.commit(&committed).await.unwrap();
    let mut uncommitted = take(&mut *consumer, 20).await;
    consumer.rewind().await.unwrap();
    let mut again = take(&mut *consumer, 20).await;
    uncommitted.sort_by_key(esteira_bus::Record::position);
    again.sort_by_key(esteira_bus::Record::position);
    assert_eq!(again, uncommitted);
    consumer.commit(&again).await.unwrap();
    consumer.rewind().await.unwrap();
    assert_eq!(consumer.take(10, WAIT).await.unwrap(), []);
    fixture.publish(vec![record(&topic, "k", "30")]).await;
    assert_eq!(number(&take(&mut *consumer, 1).await[0]), 30);
}

async fn a_committed_offset_never_goes_back(fixture: Fixture) {
    let (topic, group) = (fixture.topic(1).await, unique("group"));
    fixture.publish(numbered(&topic, 10, 1)).await;
    let mut consumer = fixture.log.subscribe(&group, &[&topic]).await.unwrap();
    let records = take(&mut *consumer, 10).await;
    consumer.commit(&records[..8]).await.unwrap();
    consumer.commit(&records[..3]).await.unwrap();
    consumer.close().await;
    let lag = fixture.log.lag(&group, &[&topic]).await.unwrap();
    assert_eq!(lag[0].committed, Some(8));
}

async fn only_what_was_taken_is_committed(fixture: Fixture) {
    let (topic, group) = (fixture.topic(1).await, unique("group"));
    fixture.publish(numbered(&topic, 10, 1)).await;
    let foreign = fixture.consume(&unique("group"), &topic, 10, false).await;
    let mut consumer = fixture.log.subscribe(&group, &[&topic]).await.unwrap();
    take(&mut *consumer, 4).await;
    consumer.commit(&foreign[..3]).await.unwrap();
    consumer.commit(&foreign[9..]).await.unwrap();
    let mut elsewhere = foreign[0].clone();
    elsewhere.partition = 7;
    consumer.commit(&[elsewhere]).await.unwrap();
    assert_eq!(fixture.log.lag(&group, &[&topic]).await.unwrap()[0].committed, Some(3));
}

async fn groups_do_not_touch_each_other(fixture: Fixture) {
    let topic = fixture.topic(3).await;
    fixture.publish(numbered(&topic, 20, 5)).await;
    let mut first = fixture.consume(&unique("group"), &topic, 20, true).await;
    let mut second = fixture.consume(&unique("group"), &topic, 20, true).await;
    first.sort_by_key(esteira_bus::Record::position);
    second.sort_by_key(esteira_bus::Record::position);
    assert_eq!(first, second);
}

async fn a_topic_that_is_created_later_is_read(fixture: Fixture) {
    let (early, late) = (fixture.topic(1).await, unique("topic"));
    let mut consumer = fixture.log.subscribe(&unique("group"), &[&early, &late]).await.unwrap();
    fixture.publish(vec![record(&early, "k", "1")]).await;
    assert_eq!(number(&take(&mut *consumer, 1).await[0]), 1);
    fixture.log.create_topics(&[crate::fixture::spec(&late, 1, &[])]).await.unwrap();
    fixture.publish(vec![record(&late, "k", "2")]).await;
    assert_eq!(number(&take(&mut *consumer, 1).await[0]), 2);
}

async fn take_does_not_wait_to_fill(fixture: Fixture) {
    let topic = fixture.topic(1).await;
    let mut consumer = fixture.log.subscribe(&unique("group"), &[&topic]).await.unwrap();
    fixture.publish(vec![record(&topic, "k", "1")]).await;
    let start = Instant::now();
    let records = consumer.take(100, DEADLINE).await.unwrap();
    assert_eq!(records.len(), 1);
    assert!(start.elapsed() < DEADLINE / 2, "took {:?}", start.elapsed());
    let start = Instant::now();
    assert_eq!(consumer.take(100, Duration::from_millis(50)).await.unwrap(), []);
    assert!(start.elapsed() < Duration::from_secs(5), "took {:?}", start.elapsed());
}

async fn take_gives_at_most_what_is_asked(fixture: Fixture) {
    let topic = fixture.topic(2).await;
    fixture.publish(numbered(&topic, 40, 10)).await;
    let mut consumer = fixture.log.subscribe(&unique("group"), &[&topic]).await.unwrap();
    let mut taken = 0;
    while taken < 40 {
        let records = consumer.take(7, WAIT).await.unwrap();
        assert!(records.len() <= 7);
        taken += records.len();
    }
}

/// A take that is dropped while it waits must not swallow what came.
async fn a_closed_take_loses_nothing(fixture: Fixture) {
    let topic = fixture.topic(1).await;
    let mut consumer = fixture.log.subscribe(&unique("group"), &[&topic]).await.unwrap();
    let mut taken = Vec::new();
    let deadline = Instant::now() + DEADLINE;
    let mut sent = 0;
    while taken.len() < 200 {
        assert!(Instant::now() < deadline, "{} of 200 came", taken.len());
        if sent < 200 {
            fixture.publish(numbered(&topic, 1, 1)).await;
            sent += 1;
        }
        tokio::select! {
            biased;
            () = tokio::task::yield_now() => {}
            records = consumer.take(3, WAIT) => taken.extend(records.unwrap()),
        }
        taken.extend(consumer.take(2, Duration::from_millis(1)).await.unwrap());
    }
    let offsets: Vec<_> = taken.iter().map(|record| record.offset).collect();
    assert_eq!(offsets, (0..200).collect::<Vec<_>>());
}
