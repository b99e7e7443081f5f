//! Records that are no events.

use std::sync::Arc;

use esteira_bus::dlq::{Awaits, RetryStore};
use esteira_bus::{EmbeddedLog, ErrorClass, Handler, Header, Log, Record};
use esteira_events::Topics;
use esteira_projector::{GROUP, Projector};
use esteira_views::PARKED;

use crate::events::{made, user_created, user_deleted, user_updated};
use crate::fixture::Fixture;
use crate::hooks::{Hooked, Method};

fn garbage(offset: i64, key: &str, sequence: Option<&str>) -> Record {
    let mut headers = vec![Header { name: "x".to_owned(), value: None }, Header::text("X", "1")];
    headers.extend(sequence.map(|sequence| Header::text("ce_sequence", sequence)));
    Record {
        topic: "user.updated".to_owned(),
        partition: 2,
        offset,
        timestamp_ms: Some(1_795_351_389_000),
        key: Some(key.as_bytes().to_vec()),
        value: Some(vec![0xff, 0x00, b'{']),
        headers,
    }
}

async fn a_record_that_is_no_event_is_a_dead_letter_at_once_and_only_once(fixture: Fixture) {
    let record = garbage(5, "1795351383891293188", None);
    let tombstone = Record { value: None, offset: 6, ..record.clone() };
    let records = [record.clone(), made(1, user_created(1, "ana")), tombstone.clone()];
    fixture.handle(&records).await;
    fixture.handle(&records).await;
    let mut letters = fixture.dead_letters("user.updated").await;
    letters.sort_by_key(|(original, _)| original.offset);
    let originals: Vec<_> = letters.iter().map(|(original, _)| original.clone()).collect();
    assert_eq!(originals, [record, tombstone]);
    for (_, letter) in &letters {
        assert_eq!(letter.header("dlq_error_class"), Some(ErrorClass::Undecodable.as_str()));
    }
    assert_eq!(fixture.user(1).await.unwrap().version, 1);
}

async fn what_follows_an_undecodable_event_of_a_known_aggregate_waits_behind_it(fixture: Fixture) {
    fixture.handle(&[made(1, user_created(1, "ana")), garbage(5, "1", Some("2"))]).await;
    fixture.handle(&[made(3, user_updated(1, "eva"))]).await;
    let state = |id: &str, state: &str| (id.to_owned(), state.to_owned());
    assert_eq!(fixture.parked().await, [state("user:1:2", "dead"), state("user:1:3", "waiting")]);
    assert_eq!(fixture.user(1).await.unwrap().version, 1);
    // The event itself, made again, closes the gap.
    fixture.handle(&[made(2, user_updated(1, "ida"))]).await;
    assert_eq!(fixture.user(1).await.unwrap().version, 3);
}

async fn a_broken_copy_does_not_take_the_place_of_the_event_that_waits(fixture: Fixture) {
    fixture.handle(&[made(3, user_updated(1, "eva"))]).await;
    fixture.handle(&[garbage(5, "1", Some("3")), garbage(6, "1", Some("3"))]).await;
    fixture.handle(&[garbage(6, "1", Some("3"))]).await;
    assert_eq!(fixture.dead_letters("user.updated").await.len(), 2);
    fixture.handle(&[made(1, user_created(1, "ana")), made(2, user_updated(1, "ida"))]).await;
    assert_eq!(fixture.user(1).await.unwrap().version, 3);
}

/// As when the topics were lost and everything is published again: its place in the sequence is long taken.
async fn a_broken_record_that_the_view_is_past_is_no_dead_letter(fixture: Fixture) {
    fixture.handle(&[made(1, user_created(1, "ana")), made(2, user_updated(1, "eva"))]).await;
    fixture.handle(&[garbage(5, "1", Some("2"))]).await;
    assert_eq!(fixture.dead_letters("user.updated").await, []);
    assert_eq!(fixture.parked().await, []);
    // Neither does a later one count as past, nor one that tells no aggregate or no sequence.
    let others = [
        garbage(6, "1", Some("3")),
        garbage(7, "9", Some("1")),
        garbage(8, "1", None),
        garbage(9, "x", Some("1")),
    ];
    fixture.handle(&others).await;
    assert_eq!(fixture.dead_letters("user.updated").await.len(), 4);
    // Nothing follows a deletion, and its tombstone tells how far it came.
    fixture.handle(&[made(1, user_created(2, "ida")), made(2, user_deleted(2))]).await;
    fixture.handle(&[garbage(10, "2", Some("2"))]).await;
    assert_eq!(fixture.dead_letters("user.updated").await.len(), 4);
}

async fn what_is_set_aside_is_told_by_what_it_awaits(fixture: Fixture) {
    fixture.handle(&[made(1, user_created(1, "ana")), garbage(5, "1", Some("2"))]).await;
    fixture.handle(&[made(3, user_updated(1, "eva")), garbage(6, "2", None)]).await;
    let aside = async |most| fixture.projector().set_aside(most).await.unwrap();
    let told = aside(10).await;
    let counts: Vec<_> = told.iter().map(|it| (it.awaits, it.records, it.error.is_some())).collect();
    assert_eq!(counts, [(Awaits::Predecessor, 1, false), (Awaits::Operator, 2, true)]);
    let since = told.iter().map(|it| it.oldest.unwrap()).collect::<Vec<_>>();
    assert!(since[1] <= since[0], "the first letter was parked before what waits: {since:?}");
    assert_eq!(aside(1).await[1].records, 1);
}

async fn a_crash_after_the_letter_loses_nothing(fixture: Fixture) {
    let records = [garbage(5, "1", None), made(1, user_created(1, "ana"))];
    let dying = Hooked::failing_once(&fixture.views, |call| call.is(Method::Write, &PARKED));
    fixture.hooked(&dying).handle(&records).await.unwrap_err();
    fixture.handle(&records).await;
    // Twice at most: the letter and its mark are in two stores.
    assert_eq!(fixture.dead_letters("user.updated").await.len(), 2);
    assert_eq!(fixture.user(1).await.unwrap().version, 1);
}

async fn while_the_dead_letter_queue_cannot_be_written_nothing_goes_on(fixture: Fixture) {
    let directory = tempfile::tempdir().unwrap();
    let without_queues = EmbeddedLog::open(&directory.path().join("log.db")).await.unwrap();
    let log = Arc::new(without_queues) as Arc<dyn Log>;
    let projector =
        Projector::new(Arc::clone(&fixture.views), log, None, Topics::default(), GROUP.to_owned());
    let outage = projector.handle(&[garbage(5, "1", None)]).await.unwrap_err();
    assert!(outage.0.contains("user.updated.dlq cannot be written"), "{outage}");
    assert_eq!(fixture.parked().await, []);
    fixture.handle(&[garbage(5, "1", None)]).await;
    assert_eq!(fixture.dead_letters("user.updated").await.len(), 1);
}

crate::on_every_engine!(
    a_record_that_is_no_event_is_a_dead_letter_at_once_and_only_once,
    what_follows_an_undecodable_event_of_a_known_aggregate_waits_behind_it,
    a_broken_copy_does_not_take_the_place_of_the_event_that_waits,
    a_broken_record_that_the_view_is_past_is_no_dead_letter,
    what_is_set_aside_is_told_by_what_it_awaits,
    a_crash_after_the_letter_loses_nothing,
    while_the_dead_letter_queue_cannot_be_written_nothing_goes_on,
);
