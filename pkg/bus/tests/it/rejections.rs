//! A record that is at fault is rejected, and touches no other.

use esteira_bus::{Header, LogError, NewRecord, PublishError};

use crate::fixture::{Fixture, contract, number, record, spec, unique};

contract!(
    an_oversize_record_is_rejected_and_its_neighbours_pass,
    a_topics_own_limit_counts,
    small_records_pass_together_where_their_sum_is_over_the_limit,
    an_unknown_topic_is_rejected_and_not_created,
    an_impossible_record_is_rejected,
    an_impossible_topic_is_invalid,
);

fn sized(topic: &str, value: &str, bytes: usize) -> NewRecord {
    let mut record = record(topic, "k", value);
    record.headers.push(Header { name: "filler".to_owned(), value: Some(vec![b'x'; bytes]) });
    record
}

fn is_rejected<T>(answer: &Result<T, PublishError>) -> bool {
    matches!(answer, Err(PublishError::Rejected(_) | PublishError::TooLarge(_)))
}

async fn an_oversize_record_is_rejected_and_its_neighbours_pass(fixture: Fixture) {
    let topic = fixture.topic(1).await;
    let answers = fixture
        .log
        .publish(vec![
            record(&topic, "k", "1"),
            sized(&topic, "2", 1_048_588),
            record(&topic, "k", "3"),
            sized(&topic, "4", 20_000_000),
            sized(&topic, "5", 1_048_000),
            record(&topic, "k", "6"),
        ])
        .await;
    let rejected: Vec<_> = answers.iter().map(is_rejected).collect();
    assert_eq!(rejected, [false, true, false, true, false, false], "{answers:?}");
    assert!(answers.iter().filter(|answer| answer.is_ok()).count() == 4, "{answers:?}");
    let numbers: Vec<_> =
        fixture.consume(&unique("group"), &topic, 4, false).await.iter().map(number).collect();
    assert_eq!(numbers, [1, 3, 5, 6]);
}

async fn a_topics_own_limit_counts(fixture: Fixture) {
    let small = fixture.topic_with(1, &[("max.message.bytes", "2000")]).await;
    let large = fixture.topic_with(1, &[("max.message.bytes", "3145764")]).await;
    let overhead = sized(&small, "1", 0);
    let fits = 2000 - overhead_of(&overhead);
    let answers = fixture
        .log
        .publish(vec![sized(&small, "1", fits), sized(&small, "1", fits + 1), sized(&large, "1", 3_000_000)])
        .await;
    assert!(answers[0].is_ok() && is_rejected(&answers[1]) && answers[2].is_ok(), "{answers:?}");
}

/// Format 2: 61 for the batch; 2 (length), 3 (attributes, deltas), 2 (key), 2 (value), 1 (header count), and 1 + name
/// and 1 + value for each header, where the filler's length takes 2.
fn overhead_of(record: &NewRecord) -> usize {
    let names: usize = record.headers.iter().map(|header| header.name.len() + 2).sum();
    61 + 2 + 3 + 2 + 2 + 1 + names + "application/json".len() + 1
}

async fn small_records_pass_together_where_their_sum_is_over_the_limit(fixture: Fixture) {
    let topic = fixture.topic_with(1, &[("max.message.bytes", "2000")]).await;
    let answers = fixture.log.publish((0..10).map(|n| sized(&topic, &n.to_string(), 500)).collect()).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

async fn an_unknown_topic_is_rejected_and_not_created(fixture: Fixture) {
    let (known, unknown) = (fixture.topic(1).await, unique("topic"));
    let answers = fixture.log.publish(vec![record(&unknown, "k", "1"), record(&known, "k", "2")]).await;
    assert!(is_rejected(&answers[0]) && answers[1].is_ok(), "{answers:?}");
    let topics = fixture.log.describe().await.unwrap().topics;
    assert!(topics.iter().all(|topic| topic.name != unknown));
}

async fn an_impossible_record_is_rejected(fixture: Fixture) {
    let topic = fixture.topic(1).await;
    let mut nul = record(&topic, "k", "1");
    nul.headers.push(Header::text("a\0b", ""));
    let answers = fixture
        .log
        .publish(vec![nul, record("", "k", "1"), record("not a topic", "k", "1"), record("a\0b", "k", "1")])
        .await;
    assert!(answers.iter().all(is_rejected), "{answers:?}");
}

async fn an_impossible_topic_is_invalid(fixture: Fixture) {
    let specs = [
        spec("not a topic", 1, &[]),
        spec(&unique("topic"), 0, &[]),
        spec(&unique("topic"), 1, &[("max.message.bytes", "many")]),
    ];
    for spec in specs {
        let answer = fixture.log.create_topics(&[spec]).await;
        assert!(matches!(answer, Err(LogError::Invalid(_))), "{answer:?}");
    }
    assert!(matches!(fixture.log.subscribe("group", &[]).await, Err(LogError::Invalid(_))));
    assert!(matches!(fixture.log.subscribe("", &["topic"]).await, Err(LogError::Invalid(_))));
}
