//! What is in the queues.

use std::sync::Arc;

use esteira_bus::{ErrorClass, Failure, Header, KafkaConfig, KafkaLog, NewRecord, Record, dead_letter};
use esteira_dead_letters::{Cause, DeadLettersError, Filters, Letter, State};
use esteira_events::Topics;
use esteira_testkit::TestDb;
use serde_json::{Value, json};

use crate::fixture::{Fixture, STOCK, VIEWS, failure, minute, paid};

fn deleted(order: i64) -> Record {
    Record { topic: "order.deleted".to_owned(), ..paid(order) }
}

fn orders(letters: &[Letter]) -> Vec<i64> {
    letters.iter().map(|letter| letter.aggregate_id.unwrap()).collect()
}

async fn letters_are_told_in_full_and_oldest_first(store: TestDb) {
    let fixture = Fixture::new(&store).await;
    fixture.dead(&paid(3)).await;
    fixture.dead(&deleted(2)).await;
    fixture.dead(&paid(1)).await;
    let listed = fixture.list(&Filters::default()).await;
    assert_eq!(orders(&listed), [1, 2, 3]);
    let Letter { letter, error, attempts, first_failure, dead_at, .. } = &listed[0];
    assert!(letter.starts_with("order.paid.dlq/"), "{letter}");
    assert_eq!((error.as_str(), *attempts, *dead_at), ("no order 1", Some(6), Some(minute(1))));
    assert_eq!(first_failure.unwrap().timestamp_millis(), 1_795_351_352_000);
    assert_eq!((listed[0].aggregate.as_deref(), listed[0].sequence), (Some("order"), Some(2)));
    assert_eq!(listed[0].event_id.as_deref(), Some("00000000-0000-0000-0000-000000000001"));
    assert_eq!((listed[0].class.as_deref(), listed[0].group.as_deref()), (Some("failed"), Some(VIEWS)));
}

async fn of_what_is_no_event_key_and_headers_are_told(store: TestDb) {
    let fixture = Fixture::new(&store).await;
    let headers = vec![Header::text("ce_sequence", "4"), Header::text("ce_id", "b")];
    let record = Record { value: Some(vec![0xff]), headers, ..paid(1) };
    let undecodable = Failure { class: ErrorClass::Undecodable, ..failure(VIEWS, "x", minute(1)) };
    fixture.publish(dead_letter(&record, &undecodable)).await;
    let listed = fixture.list(&Filters::default()).await.remove(0);
    assert_eq!((listed.aggregate_id, listed.sequence), (Some(1), Some(4)));
    assert_eq!((listed.event_id.as_deref(), listed.class.as_deref()), (Some("b"), Some("undecodable")));
}

async fn all_that_is_asked_for_must_hold(store: TestDb) {
    let fixture = Fixture::new(&store).await;
    let first = fixture.dead(&paid(1)).await;
    fixture.dead(&paid(2)).await;
    fixture.dead(&deleted(3)).await;
    fixture.publish(dead_letter(&paid(4), &failure(STOCK, "sold out", minute(4)))).await;
    fixture.stock.gives_up(&paid(4));
    fixture.redrive(&first).await;
    let any = Filters::default();
    let text = |text: &str| Some(text.to_owned());
    for (filters, expected) in [
        (any.clone(), vec![1, 2, 3, 4]),
        (Filters { topic: text("order.deleted"), ..any.clone() }, vec![3]),
        (Filters { topic: text("order"), ..any.clone() }, vec![]),
        (Filters { group: text(STOCK), ..any.clone() }, vec![4]),
        (Filters { aggregate: text("order"), aggregate_id: Some(2), ..any.clone() }, vec![2]),
        (Filters { aggregate: text("user"), aggregate_id: Some(2), ..any.clone() }, vec![]),
        (Filters { error: text("no order"), ..any.clone() }, vec![1, 2, 3]),
        (Filters { state: Some(State::Redriving), ..any.clone() }, vec![1]),
        (Filters { state: Some(State::Open), ..any.clone() }, vec![2, 3, 4]),
        (Filters { state: Some(State::Discarded), ..any.clone() }, vec![]),
        (Filters { since: Some(minute(2)), until: Some(minute(3)), ..any.clone() }, vec![2, 3]),
        (Filters { since: Some(minute(5)), ..any.clone() }, vec![]),
        (Filters { topic: text("order.paid"), error: text("sold"), ..any.clone() }, vec![4]),
    ] {
        assert_eq!(orders(&fixture.list(&filters).await), expected, "{filters:?}");
    }
}

async fn letters_that_failed_alike_have_one_cause(store: TestDb) {
    let fixture = Fixture::new(&store).await;
    for order in [10, 7, 300] {
        fixture.dead(&paid(order)).await;
    }
    fixture.dead(&deleted(8)).await;
    let other = fixture.publish(dead_letter(&paid(9), &failure(VIEWS, "sold out", minute(9)))).await;
    fixture.views.gives_up(&paid(9));
    fixture.redrive(&other).await;
    let causes = Cause::group(&fixture.list(&Filters::default()).await);
    assert_eq!(causes.len(), 3);
    assert_eq!((causes[0].error.as_str(), causes[0].count, causes[0].open), ("no order #", 3, 3));
    assert_eq!((causes[0].first, causes[0].last), (Some(minute(7)), Some(minute(300))));
    let sold_out = causes.iter().find(|cause| cause.error == "sold out").unwrap();
    assert_eq!((sold_out.count, sold_out.open), (1, 0));
    assert!(causes.iter().any(|cause| cause.original_topic == "order.deleted" && cause.count == 1));
    assert_eq!(Cause::group(&[]), []);
}

async fn a_letter_is_shown_with_its_record_and_what_a_redrive_would_do(store: TestDb) {
    let fixture = Fixture::new(&store).await;
    let shown = async |record: &Record| {
        let letter = fixture.dead(record).await.parse().unwrap();
        fixture.letters.show(&letter).await.unwrap()
    };
    let made = shown(&paid(1)).await;
    assert_eq!((made.key.as_deref(), &made.value["order_id"]), (Some("1"), &json!(1)));
    assert_eq!(made.headers, [("ce_id".to_owned(), Some("a".to_owned())), ("raw".to_owned(), None)]);
    assert_eq!((made.would.len(), made.would[0].group.as_str()), (1, VIEWS));
    assert_eq!(made.would[0].effect, "the view's document is made");
    assert_eq!((&made.would[0].before, &made.would[0].after), (&None, &Some(json!({ "version": 1 }))));
    for (order, effect) in [
        (2, "the view's document changes"),
        (3, "the view's document is deleted"),
        (4, "nothing: its effect is there already"),
        (5, "it waits for its predecessor"),
        (6, "orders reacts to order.paid"),
        (7, "it fails again: EOF"),
    ] {
        assert_eq!(shown(&paid(order)).await.would[0].effect, effect);
    }
    assert_eq!(fixture.views.handed_in(), []);
    let value = async |bytes: Option<&[u8]>, order| {
        shown(&Record { value: bytes.map(<[u8]>::to_vec), ..paid(order) }).await.value
    };
    assert_eq!(value(None, 8).await, Value::Null);
    assert_eq!(value(Some(b"{\xff"), 9).await, json!("{\u{fffd}"));
}

/// Also more than are read at once.
async fn every_letter_is_listed(store: TestDb) {
    let fixture = Fixture::new(&store).await;
    let letters: Vec<NewRecord> =
        (0..1_203).map(|order| dead_letter(&paid(order), &failure(VIEWS, "x", minute(order)))).collect();
    for outcome in fixture.letters.log.publish(letters).await {
        outcome.unwrap();
    }
    assert_eq!(orders(&fixture.list(&Filters::default()).await), (0..1_203).collect::<Vec<_>>());
}

async fn what_is_no_letter_is_told_so_and_hides_no_other(store: TestDb) {
    let fixture = Fixture::new(&store).await;
    let queue = Topics::dead_letters("order.paid");
    let garbage = NewRecord { topic: queue.clone(), key: None, value: Some(b"{".to_vec()), headers: vec![] };
    let garbage = fixture.publish(garbage).await;
    fixture.dead(&paid(1)).await;
    assert_eq!(orders(&fixture.list(&Filters::default()).await), [1]);
    let refused = fixture.letters.show(&garbage.parse().unwrap()).await.unwrap_err();
    assert!(matches!(refused, DeadLettersError::Unreadable(..)), "{refused}");
}

/// The places where there is no letter.
async fn not_found(fixture: &Fixture, letter: &str, prefix: &str) {
    let (queue, last) = letter.split_once(".dlq/").unwrap();
    let (partition, offset) = last.split_once('/').unwrap();
    let after = format!("{queue}.dlq/{partition}/{}", offset.parse::<i64>().unwrap() + 1);
    for place in [
        after,
        format!("{queue}.dlq/{partition}/9000000000"),
        format!("{queue}.dlq/17/0"),
        format!("{prefix}nothing.dlq/0/0"),
    ] {
        let refused = fixture.letters.show(&place.parse().unwrap()).await.unwrap_err();
        assert!(matches!(refused, DeadLettersError::NotFound(_)), "{place}: {refused}");
    }
}

async fn a_place_without_a_letter_is_told_so(store: TestDb) {
    let fixture = Fixture::new(&store).await;
    let letter = fixture.dead(&paid(1)).await;
    not_found(&fixture, &letter, "").await;
}

async fn queues_of_kafka_are_read_alike(store: TestDb) {
    let Some(brokers) = esteira_testkit::engine("Kafka", "KAFKA_BROKERS") else { return };
    let log = Arc::new(KafkaLog::connect(&KafkaConfig::new(brokers)).unwrap());
    let prefix = format!("test.{}.", uuid::Uuid::now_v7().simple());
    let fixture = Fixture::on(&store, log, &prefix).await;
    let mut letters = Vec::new();
    for order in 1..=5 {
        let record = Record { topic: format!("{prefix}order.paid"), ..paid(order) };
        letters.push(fixture.dead(&record).await);
    }
    assert_eq!(orders(&fixture.list(&Filters::default()).await), [1, 2, 3, 4, 5]);
    for letter in &letters {
        assert!(fixture.redrive(letter).await);
    }
    assert_eq!(fixture.views.handed_in().len(), 5);
    let last = letters.iter().max_by_key(|letter| letter.rsplit('/').next().unwrap().parse::<i64>().unwrap());
    not_found(&fixture, last.unwrap(), &prefix).await;
}

esteira_testkit::on_every_engine!(
    letters_are_told_in_full_and_oldest_first,
    of_what_is_no_event_key_and_headers_are_told,
    all_that_is_asked_for_must_hold,
    letters_that_failed_alike_have_one_cause,
    a_letter_is_shown_with_its_record_and_what_a_redrive_would_do,
    every_letter_is_listed,
    what_is_no_letter_is_told_so_and_hides_no_other,
    a_place_without_a_letter_is_told_so,
    queues_of_kafka_are_read_alike,
);
