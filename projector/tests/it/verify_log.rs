//! Whether what is marked as published is in its topic, also after an erasure.

use esteira_bus::{Log, Position, TopicSpec};
use esteira_events::{Event, OrderId, Payload, StockRejected};
use esteira_projector::Where;
use esteira_sql::on;

use crate::events::{event, new_record};
use crate::fixture::Fixture;

const TOPIC: &str = "stock.rejected";

/// Which of `rejected` are not in their topic, by the order that they are about.
async fn missing(fixture: &Fixture, rejected: &[Event]) -> Vec<i64> {
    let store = fixture.store.as_ref().unwrap();
    let verified = fixture.projector().verify(store, false, |_| {}).await.unwrap();
    assert!(verified.differences.iter().all(|it| it.at == Where::Log), "{:?}", verified.differences);
    let is_missing = |event: &&Event| {
        let id = event.meta.event_id.to_string();
        verified.differences.iter().any(|it| it.expected.contains(&id))
    };
    rejected.iter().filter(is_missing).map(Event::aggregate_id).collect()
}

/// Notes where our dispatcher has published the event, as Go's does not.
async fn mark(fixture: &Fixture, event: &Event, at: Position) {
    let mut tx = fixture.store.as_ref().unwrap().begin().await.unwrap();
    on!(&mut tx.conn(), c => {
        sqlx::query("update outbox set kafka_partition = ?, kafka_offset = ? where event_id = ?")
            .bind(at.partition)
            .bind(at.offset)
            .bind(event.meta.event_id.to_string())
            .execute(&mut *c)
            .await
            .map(drop)
    })
    .unwrap();
    tx.commit().await.unwrap();
}

async fn publish_again(fixture: &Fixture) {
    let records = fixture.log.read(TOPIC, 0, 0, 100).await.unwrap();
    let end = records.last().unwrap().offset + 1;
    for answer in fixture.log.republish(records).await {
        answer.unwrap();
    }
    fixture.log.delete_before(TOPIC, 0, end).await.unwrap();
}

/// One event of Go and one of ours never arrived, though they are marked as published.
async fn what_an_erasure_deleted_excuses_no_event_that_it_did_not_publish_again(fixture: Fixture) {
    let fixture = fixture.with_outbox().await;
    let topic = TopicSpec { name: TOPIC.to_owned(), partitions: 1, replication: -1, config: Vec::new() };
    fixture.log.create_topics(&[topic]).await.unwrap();
    let rejection = |order| {
        let rejected = StockRejected { order_id: OrderId(order), items: Vec::new() };
        event(1, Payload::StockRejected(rejected))
    };
    let rejected: Vec<Event> = (1..=5).map(rejection).collect();
    fixture.outbox(&rejected).await;
    for event in &rejected[..3] {
        fixture.log.publish(vec![new_record(event)]).await.remove(0).unwrap();
    }
    assert_eq!(missing(&fixture, &rejected).await, [4, 5]);
    mark(&fixture, &rejected[4], Position { partition: 0, offset: 2 }).await;
    publish_again(&fixture).await;
    assert_eq!(missing(&fixture, &rejected).await, [4, 5]);
    publish_again(&fixture).await;
    assert_eq!(missing(&fixture, &rejected).await, [4, 5]);
    // What retention takes is no difference: now any event of Go may have been among it.
    let start = fixture.log.start(TOPIC, 0).await.unwrap();
    fixture.log.delete_before(TOPIC, 0, start + 1).await.unwrap();
    assert_eq!(missing(&fixture, &rejected).await, [5]);
    fixture.log.delete_before(TOPIC, 0, start + 3).await.unwrap();
    assert_eq!(missing(&fixture, &rejected).await, [0; 0]);
}

crate::on_every_engine!(what_an_erasure_deleted_excuses_no_event_that_it_did_not_publish_again);
