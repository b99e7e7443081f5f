//! Appending, and reading an aggregate's history.

use esteira_events::{AggregateKind, Event, EventType};
use esteira_outbox::{append, history, mark_published};
use esteira_testkit::{TestDb, on_every_engine};

use crate::fixture::{MINUTE, claimed, commit, event, given, lease, marks};

on_every_engine!(
    events_keep_the_order_in_which_they_were_appended,
    a_sequence_is_taken_once,
    what_is_rolled_back_leaves_no_event,
    a_history_is_in_order_and_says_what_is_published,
);

async fn events_keep_the_order_in_which_they_were_appended(test: TestDb) {
    given(&test, (1..=150).map(|user| event(user % 7, user)).collect()).await;
    let rows = claimed(&test, 0, 1_000).await;
    assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), (1..=150).collect::<Vec<_>>());
    for (user, row) in (1..=150).zip(&rows) {
        let event = Event::decode(EventType::UserUpdated, Some(row.value())).unwrap();
        assert_eq!((event.aggregate_id(), event.meta.sequence), (user % 7, Some(user)));
        assert_eq!(
            (row.aggregate.as_deref(), row.aggregate_id, row.sequence),
            (Some("user"), Some(user % 7), Some(user))
        );
        assert_eq!(row.event_id.as_deref(), Some(event.meta.event_id.to_string().as_str()));
        assert_eq!(row.created_at, event.meta.occurred_at);
        assert!(row.traceparent.is_some() && row.attempts == 0 && !row.waiting);
    }
}

async fn a_sequence_is_taken_once(test: TestDb) {
    given(&test, vec![event(1, 1), event(1, 2), event(2, 1)]).await;
    let error = commit(&test.db, vec![event(3, 1), event(1, 2)]).await.unwrap_err();
    assert!(error.as_database_error().unwrap().is_unique_violation(), "{error}");
    assert_eq!(claimed(&test, 0, 10).await.len(), 3);
}

async fn what_is_rolled_back_leaves_no_event(test: TestDb) {
    given(&test, vec![event(1, 1)]).await;
    let mut tx = test.db.begin().await.unwrap();
    append(&mut tx.conn(), vec![event(1, 2)]).await.unwrap();
    drop(tx);
    commit(&test.db, vec![event(1, 2)]).await.unwrap();
    assert_eq!(claimed(&test, 0, 10).await.len(), 2);
}

async fn a_history_is_in_order_and_says_what_is_published(test: TestDb) {
    given(&test, vec![event(1, 2), event(2, 1), event(1, 1), event(1, 3)]).await;
    let mut lease = lease(&test.db, "a", MINUTE).await.unwrap();
    mark_published(&test.db, &mut lease, &marks([3])).await.unwrap();
    let mut reader = test.db.read().await.unwrap();
    let entries = history(&mut reader.conn(), AggregateKind::User, 1, 0, 2).await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.sequence).collect::<Vec<_>>(), [1, 2]);
    assert_eq!((entries[0].partition, entries[0].offset), (Some(2), Some(103)));
    assert!(entries[0].published_at.is_some() && entries[1].published_at.is_none());
    let rest = history(&mut reader.conn(), AggregateKind::User, 1, 2, 10).await.unwrap();
    assert_eq!(rest.len(), 1);
    assert_eq!(rest[0].event_type, "user.updated");
    assert!(rest[0].value.0.get().contains("1/3"));
}
