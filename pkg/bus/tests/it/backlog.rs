//! A backlog of topics with large and with small records.

use std::collections::HashMap;
use std::time::Instant;

use esteira_bus::{Consumer, Record};

use crate::fixture::{DEADLINE, Fixture, WAIT, contract, unique};

contract!(
    a_backlog_is_taken_whole_and_each_partition_in_its_order,
    a_backlog_that_is_taken_again_in_the_middle_is_whole,
    a_backlog_moves_to_another_member_in_the_middle,
);

const RECORDS: i64 = 1_500;
/// More than is kept of a partition.
const LARGE: usize = 4 * 1024;
const SMALL: usize = 16;

/// A topic of large records and one of small ones, each as if written in turns.
async fn backlog(fixture: &Fixture) -> [String; 2] {
    let topics = [fixture.topic(2).await, fixture.topic(2).await];
    for (topic, size) in topics.iter().zip([LARGE, SMALL]) {
        let record = |number: i64| Record {
            topic: topic.clone(),
            partition: i32::from(number % 2 == 1),
            offset: number / 2,
            timestamp_ms: Some(1_795_351_389_000 + number),
            key: Some(number.to_string().into_bytes()),
            value: Some(vec![b'x'; size]),
            headers: vec![],
        };
        let answers = fixture.log.republish((0..RECORDS).map(record).collect()).await;
        assert!(answers.iter().all(Result::is_ok));
    }
    topics
}

/// The next offset of each partition.
type Next = HashMap<(String, i32), i64>;

fn follow(next: &mut Next, records: &[Record]) {
    for record in records {
        let expected = next.entry((record.topic.clone(), record.partition)).or_insert(0);
        assert_eq!(record.offset, *expected, "{}/{}", record.topic, record.partition);
        *expected += 1;
    }
}

fn count(next: &Next) -> i64 {
    next.values().sum()
}

/// Takes and commits until `next` has `until` records.
async fn work(consumer: &mut dyn Consumer, next: &mut Next, until: i64) {
    let deadline = Instant::now() + DEADLINE;
    while count(next) < until {
        assert!(Instant::now() < deadline, "{} of {until} records came in time", count(next));
        let records = consumer.take(100, WAIT).await.unwrap();
        follow(next, &records);
        consumer.commit(&records).await.unwrap();
    }
}

async fn a_backlog_is_taken_whole_and_each_partition_in_its_order(fixture: Fixture) {
    let topics = backlog(&fixture).await;
    let mut consumer = fixture.log.subscribe(&unique("group"), &[&topics[0], &topics[1]]).await.unwrap();
    let mut next = Next::new();
    work(&mut *consumer, &mut next, 2 * RECORDS).await;
    assert_eq!((count(&next), consumer.take(1, WAIT).await.unwrap()), (2 * RECORDS, vec![]));
}

async fn a_backlog_that_is_taken_again_in_the_middle_is_whole(fixture: Fixture) {
    let topics = backlog(&fixture).await;
    let mut consumer = fixture.log.subscribe(&unique("group"), &[&topics[0], &topics[1]]).await.unwrap();
    let mut next = Next::new();
    for until in [1, 700, 1_900] {
        work(&mut *consumer, &mut next, until).await;
        let mut uncommitted = next.clone();
        follow(&mut uncommitted, &consumer.take(500, WAIT).await.unwrap());
        consumer.rewind().await.unwrap();
    }
    work(&mut *consumer, &mut next, 2 * RECORDS).await;
    assert_eq!((count(&next), consumer.take(1, WAIT).await.unwrap()), (2 * RECORDS, vec![]));
}

async fn a_backlog_moves_to_another_member_in_the_middle(fixture: Fixture) {
    let (topics, group) = (backlog(&fixture).await, unique("group"));
    let topics = [topics[0].as_str(), topics[1].as_str()];
    let mut first = fixture.log.subscribe(&group, &topics).await.unwrap();
    let mut next = Next::new();
    work(&mut *first, &mut next, 300).await;
    let mut second = fixture.log.subscribe(&group, &topics).await.unwrap();
    let deadline = Instant::now() + DEADLINE;
    let mut moved = 0;
    // Whatever the first had not committed of what moves is the second one's.
    while moved == 0 || count(&next) < 1_500 {
        assert!(Instant::now() < deadline, "{moved} of {} records came to the second", count(&next));
        for (consumer, is_second) in [(&mut first, false), (&mut second, true)] {
            let records = consumer.take(20, WAIT).await.unwrap();
            follow(&mut next, &records);
            consumer.commit(&records).await.unwrap();
            moved += if is_second { records.len() } else { 0 };
        }
    }
    second.close().await;
    work(&mut *first, &mut next, 2 * RECORDS).await;
    assert_eq!((count(&next), first.take(1, WAIT).await.unwrap()), (2 * RECORDS, vec![]));
}
