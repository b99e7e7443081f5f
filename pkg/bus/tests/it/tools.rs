//! What the command-line tools ask of the log.

use esteira_bus::{LogError, PartitionLag};

use crate::fixture::{Fixture, contract, number, numbered, spec, unique};

contract!(
    a_topic_is_created_once,
    racing_creators_agree,
    describe_lists_topics_with_their_partitions,
    lag_counts_what_is_not_committed,
    read_pages_through_a_partition,
    read_of_an_unknown_partition_is_invalid,
);

async fn a_topic_is_created_once(fixture: Fixture) {
    let (first, second) = (unique("topic"), unique("topic"));
    let one = [spec(&first, 3, &[("retention.ms", "-1")])];
    let both = [spec(&first, 5, &[]), spec(&second, 1, &[])];
    assert_eq!(fixture.log.create_topics(&one).await.unwrap(), [(first.clone(), true)]);
    assert_eq!(fixture.log.create_topics(&both).await.unwrap(), [(first.clone(), false), (second, true)]);
    let topics = fixture.log.describe().await.unwrap().topics;
    assert_eq!(topics.iter().find(|topic| topic.name == first).unwrap().partitions, 3);
    assert_eq!(fixture.log.create_topics(&[]).await.unwrap(), []);
}

async fn racing_creators_agree(fixture: Fixture) {
    let spec = [spec(&unique("topic"), 2, &[])];
    let answers = futures::future::join_all((0..4).map(|_| fixture.log.create_topics(&spec))).await;
    let created = answers.into_iter().filter(|answer| answer.as_ref().unwrap()[0].1).count();
    assert_eq!(created, 1);
}

async fn describe_lists_topics_with_their_partitions(fixture: Fixture) {
    let topic = fixture.topic(4).await;
    let description = fixture.log.describe().await.unwrap();
    assert!(["kafka", "embedded"].contains(&description.engine.as_str()));
    assert!(!description.address.is_empty());
    assert_eq!(description.topics.iter().find(|found| found.name == topic).unwrap().partitions, 4);
    assert!(description.topics.iter().all(|topic| !topic.name.starts_with("__")));
}

async fn lag_counts_what_is_not_committed(fixture: Fixture) {
    let (topic, group) = (fixture.topic(2).await, unique("group"));
    let total = |lags: &[PartitionLag]| lags.iter().map(PartitionLag::lag).sum::<i64>();
    let unknown = unique("topic");
    fixture.publish(numbered(&topic, 20, 10)).await;
    let before = fixture.log.lag(&group, &[&topic, &unknown]).await.unwrap();
    assert_eq!((before.len(), total(&before)), (2, 20));
    assert!(before.iter().all(|lag| lag.committed.is_none() && lag.start == 0));
    fixture.consume(&group, &topic, 15, true).await;
    let after = fixture.log.lag(&group, &[&topic]).await.unwrap();
    assert_eq!(total(&after), 5);
    assert_eq!(after.iter().map(|lag| lag.end).sum::<i64>(), 20);
}

async fn read_pages_through_a_partition(fixture: Fixture) {
    let topic = fixture.topic(1).await;
    fixture.publish(numbered(&topic, 10, 1)).await;
    let first = fixture.log.read(&topic, 0, -5, 4).await.unwrap();
    assert_eq!(first.iter().map(number).collect::<Vec<_>>(), [0, 1, 2, 3]);
    let rest = fixture.log.read(&topic, 0, 4, 100).await.unwrap();
    assert_eq!(rest.iter().map(number).collect::<Vec<_>>(), [4, 5, 6, 7, 8, 9]);
    assert_eq!(rest, fixture.consume(&unique("group"), &topic, 10, false).await[4..]);
    assert_eq!(fixture.log.read(&topic, 0, 10, 100).await.unwrap(), []);
    assert_eq!(fixture.log.read(&topic, 0, 99, 100).await.unwrap(), []);
    assert_eq!(fixture.log.read(&topic, 0, 0, 0).await.unwrap(), []);
}

async fn read_of_an_unknown_partition_is_invalid(fixture: Fixture) {
    let topic = fixture.topic(1).await;
    for (topic, partition) in [(topic.clone(), 1), (topic, -1), (unique("topic"), 0)] {
        let answer = fixture.log.read(&topic, partition, 0, 1).await;
        assert!(matches!(answer, Err(LogError::Invalid(_))), "{answer:?}");
    }
}
