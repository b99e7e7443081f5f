//! Reading on and on without a group.

use std::time::{Duration, Instant};

use esteira_bus::{LogError, PartitionLag, Position, Record, Tail};

use crate::fixture::{DEADLINE, Fixture, WAIT, contract, number, numbered, record, unique};

contract!(
    a_tail_reads_from_its_places_and_then_what_comes,
    every_tail_sees_every_record_and_belongs_to_no_group,
    a_tail_before_the_oldest_record_starts_at_that_one,
    a_tail_takes_a_backlog_in_pieces,
    a_dropped_take_loses_no_record,
    a_tail_of_an_unknown_partition_is_invalid,
);

fn place(topic: &str, partition: i32, offset: i64) -> (String, Position) {
    (topic.to_owned(), Position { partition, offset })
}

async fn take(tail: &mut dyn Tail, count: usize) -> Vec<Record> {
    let deadline = Instant::now() + DEADLINE;
    let mut records = Vec::new();
    while records.len() < count {
        assert!(Instant::now() < deadline, "{} of {count} records came in time", records.len());
        records.extend(tail.take(count - records.len(), WAIT).await.unwrap());
    }
    records
}

fn numbers(records: &[Record]) -> Vec<usize> {
    let mut numbers: Vec<_> = records.iter().map(number).collect();
    numbers.sort_unstable();
    numbers
}

async fn a_tail_reads_from_its_places_and_then_what_comes(fixture: Fixture) {
    let (first, second) = (fixture.topic(1).await, fixture.topic(1).await);
    fixture.publish(numbered(&first, 5, 1)).await;
    fixture.publish(numbered(&second, 2, 1)).await;
    let mut tail = fixture.log.tail(&[place(&first, 0, 3), place(&second, 0, 2)]).await.unwrap();
    assert_eq!(numbers(&take(&mut *tail, 2).await), [3, 4]);
    assert_eq!(tail.take(10, Duration::ZERO).await.unwrap(), []);
    fixture.publish(vec![record(&second, "a", "7")]).await;
    let came = take(&mut *tail, 1).await;
    assert_eq!((came[0].topic.as_str(), came[0].offset, number(&came[0])), (second.as_str(), 2, 7));
}

async fn every_tail_sees_every_record_and_belongs_to_no_group(fixture: Fixture) {
    let (topic, group) = (fixture.topic(2).await, unique("group"));
    let from = [place(&topic, 0, 0), place(&topic, 1, 0)];
    let mut one = fixture.log.tail(&from).await.unwrap();
    let mut other = fixture.log.tail(&from).await.unwrap();
    fixture.publish(numbered(&topic, 20, 10)).await;
    for tail in [&mut one, &mut other] {
        let records = take(&mut **tail, 20).await;
        assert_eq!(numbers(&records), (0..20).collect::<Vec<_>>());
        for partition in 0..2 {
            let mine: Vec<_> =
                records.iter().filter(|it| it.partition == partition).map(|it| it.offset).collect();
            assert!(mine.is_sorted(), "{mine:?}");
        }
    }
    assert_eq!(fixture.consume(&group, &topic, 20, true).await.len(), 20);
    assert_eq!(
        fixture.log.lag(&group, &[&topic]).await.unwrap().iter().map(PartitionLag::lag).sum::<i64>(),
        0
    );
}

async fn a_tail_before_the_oldest_record_starts_at_that_one(fixture: Fixture) {
    let topic = fixture.topic(1).await;
    fixture.publish(numbered(&topic, 5, 1)).await;
    fixture.log.delete_before(&topic, 0, 3).await.unwrap();
    let mut tail = fixture.log.tail(&[place(&topic, 0, 1)]).await.unwrap();
    assert_eq!(numbers(&take(&mut *tail, 2).await), [3, 4]);
}

async fn a_tail_takes_a_backlog_in_pieces(fixture: Fixture) {
    let topic = fixture.topic(3).await;
    fixture.publish(numbered(&topic, 300, 30)).await;
    let from: Vec<_> = (0..3).map(|partition| place(&topic, partition, 0)).collect();
    let mut tail = fixture.log.tail(&from).await.unwrap();
    let mut records = Vec::new();
    while records.len() < 300 {
        let piece = tail.take(7, DEADLINE).await.unwrap();
        assert!((1..=7).contains(&piece.len()), "{}", piece.len());
        records.extend(piece);
    }
    assert_eq!(numbers(&records), (0..300).collect::<Vec<_>>());
}

async fn a_dropped_take_loses_no_record(fixture: Fixture) {
    let topic = fixture.topic(1).await;
    let mut tail = fixture.log.tail(&[place(&topic, 0, 0)]).await.unwrap();
    let mut records = Vec::new();
    for n in 0..20 {
        fixture.publish(vec![record(&topic, "a", &n.to_string())]).await;
        tokio::select! {
            biased;
            () = tokio::task::yield_now() => {}
            answer = tail.take(1, WAIT) => records.extend(answer.unwrap()),
        }
    }
    records.extend(take(&mut *tail, 20 - records.len()).await);
    assert_eq!(numbers(&records), (0..20).collect::<Vec<_>>());
}

async fn a_tail_of_an_unknown_partition_is_invalid(fixture: Fixture) {
    let topic = fixture.topic(1).await;
    for from in [place(&topic, 1, 0), place(&topic, -1, 0), place(&unique("topic"), 0, 0)] {
        let answer = fixture.log.tail(&[from]).await;
        assert!(matches!(answer, Err(LogError::Invalid(_))));
    }
}
