//! What only a broker can do to us.

use std::time::{Duration, Instant};

use esteira_bus::{KafkaConfig, KafkaLog, Log, LogError, PublishError, TopicSpec};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

use crate::fixture::{DEADLINE, Fixture, WAIT, kafka_brokers, numbered, record, take, unique};

/// A port that refuses connections.
const NOBODY: &str = "127.0.0.1:1";

#[tokio::test]
async fn a_broker_that_is_away_is_an_outage() {
    let mut config = KafkaConfig::new(NOBODY);
    config.message_timeout = Duration::from_millis(500);
    let log = KafkaLog::connect(&config).unwrap();
    let answers = log.publish(vec![record("t", "k", "1")]).await;
    assert!(matches!(answers[0], Err(PublishError::Unavailable(_))), "{answers:?}");
    assert!(matches!(log.describe().await, Err(LogError::Unavailable(_))));
    let mut consumer = log.subscribe("g", &["t"]).await.unwrap();
    let deadline = Instant::now() + DEADLINE;
    while consumer.take(1, WAIT).await.is_ok() {
        assert!(Instant::now() < deadline, "the outage does not show");
    }
    let again = consumer.take(1, WAIT).await;
    assert!(matches!(again, Err(LogError::Unavailable(_))), "{again:?}");
    consumer.close().await;
}

#[tokio::test]
async fn an_impossible_setting_is_invalid_and_the_password_stays_secret() {
    let mut config = KafkaConfig::new(NOBODY);
    config.sasl_mechanism = Some("NONE-SUCH".to_owned());
    config.security_protocol = "SASL_PLAINTEXT".parse().unwrap();
    config.sasl_password = Some(esteira_bus::kafka::Secret("hush".to_owned()));
    assert!(!format!("{config:?}").contains("hush"));
    assert!(matches!(KafkaLog::connect(&config).err(), Some(LogError::Invalid(_))));
}

/// A broker shows a topic before it leads its partitions.
#[tokio::test]
async fn how_far_a_group_is_behind_is_known_as_soon_as_topics_are_there() {
    let Some(fixture) = Fixture::kafka() else { return };
    let names: Vec<_> = (0..20).map(|_| unique("topic")).collect();
    let spec =
        |name: &String| TopicSpec { name: name.clone(), partitions: 6, replication: 1, config: vec![] };
    let specs: Vec<_> = names.iter().map(spec).collect();
    fixture.log.create_topics(&specs).await.unwrap();
    let topics: Vec<_> = names.iter().map(String::as_str).collect();
    let lags = fixture.log.lag(&unique("group"), &topics).await.unwrap();
    assert_eq!(lags.len(), 120);
}

/// As Go's members are: kafka-go offers range and roundrobin.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_with_go_members_is_a_conflict_until_they_leave() {
    let (Some(fixture), Some(brokers)) = (Fixture::kafka(), kafka_brokers()) else { return };
    let (topic, group) = (fixture.topic(1).await, unique("group"));
    fixture.publish(numbered(&topic, 1, 1)).await;
    let go = go_member(&brokers, &group, &topic).await;
    let mut consumer = fixture.log.subscribe(&group, &[&topic]).await.unwrap();
    let deadline = Instant::now() + DEADLINE;
    for _ in 0..2 {
        loop {
            assert!(Instant::now() < deadline, "the conflict does not show");
            match consumer.take(1, WAIT).await {
                Ok(records) => assert_eq!(records, []),
                Err(error) => {
                    assert!(matches!(error, LogError::Conflict(_)), "{error}");
                    break;
                }
            }
        }
    }
    tokio::task::spawn_blocking(move || drop(go)).await.unwrap();
    loop {
        assert!(Instant::now() < deadline, "the conflict does not end");
        if let Ok(records) = consumer.take(1, WAIT).await
            && !records.is_empty()
        {
            return consumer.commit(&records).await.unwrap();
        }
    }
}

/// A member of `group` with the range protocol that has been assigned its partitions.
async fn go_member(brokers: &str, group: &str, topic: &str) -> BaseConsumer {
    let (mut config, topic) = (ClientConfig::new(), topic.to_owned());
    config
        .set("bootstrap.servers", brokers)
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("partition.assignment.strategy", "range");
    tokio::task::spawn_blocking(move || {
        let member: BaseConsumer = config.create().unwrap();
        member.subscribe(&[&topic]).unwrap();
        let deadline = Instant::now() + DEADLINE;
        while member.assignment().unwrap().count() == 0 {
            assert!(Instant::now() < deadline, "the go member is not assigned");
            drop(member.poll(WAIT));
        }
        member
    })
    .await
    .unwrap()
}

/// librdkafka queues 100,000 records.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publish_larger_than_the_queue_keeps_its_order() {
    let Some(fixture) = Fixture::kafka() else { return };
    let topic = fixture.topic(1).await;
    let positions = fixture.publish(numbered(&topic, 120_000, 1)).await;
    assert!(positions.windows(2).all(|pair| pair[0].offset + 1 == pair[1].offset));
}

/// Latency of one record from publish to take, when both are idle.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_consumer_gets_a_record_soon() {
    let Some(fixture) = Fixture::kafka() else { return };
    let topic = fixture.topic(1).await;
    let mut consumer = fixture.log.subscribe(&unique("group"), &[&topic]).await.unwrap();
    fixture.publish(numbered(&topic, 1, 1)).await;
    take(&mut *consumer, 1).await;
    let start = Instant::now();
    for _ in 0..20 {
        fixture.publish(numbered(&topic, 1, 1)).await;
        let records = take(&mut *consumer, 1).await;
        consumer.commit(&records).await.unwrap();
    }
    let each = start.elapsed() / 20;
    println!("publish, take and commit: {each:?}");
    assert!(each < Duration::from_millis(500), "{each:?}");
}
