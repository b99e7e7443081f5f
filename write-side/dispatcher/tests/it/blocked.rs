//! A row that the log refuses holds back its own aggregate only.

use esteira_events::EventType;
use esteira_testkit::{TestDb, eventually, on_every_engine};

use crate::fixture::{Fixture, created, deleted, oversize, updated};

on_every_engine!(
    a_refused_row_holds_back_its_key_until_it_is_mended,
    a_blocked_key_with_many_rows_holds_back_no_other,
    a_row_of_an_unknown_topic_holds_back_no_other,
);

const MEND: &str =
    "update outbox set payload = json_set(payload, '$.user.name', 'Ana'), next_attempt_at = 0 where id = 3";

async fn a_refused_row_holds_back_its_key_until_it_is_mended(test: TestDb) {
    let fixture = Fixture::new(test).await;
    let events = vec![
        created(1),
        updated(1, 2),
        oversize(1, 3),
        updated(1, 4),
        created(2),
        updated(2, 2),
        deleted(1, 5),
        deleted(2, 3),
    ];
    fixture.given(events).await;
    let dispatcher = fixture.start("a");
    fixture.until_left(&[3, 4, 7]).await;
    fixture.given(vec![created(3)]).await;
    fixture.until_left(&[3, 4, 7]).await;
    assert!(fixture.test.int("select attempts from outbox where id = 3").await >= 1);
    assert!(
        fixture.test.texts("select last_error from outbox where id = 3").await[0]
            .contains("bytes are more than")
    );
    eventually("it is tried again", async || {
        (fixture.test.int("select attempts from outbox where id = 3").await >= 2).then_some(())
    })
    .await;
    assert_eq!(fixture.unpublished().await, [3, 4, 7]);
    fixture.test.execute(MEND).await;
    fixture.until_left(&[]).await;
    dispatcher.stop().await;
    assert_eq!(fixture.sequences(EventType::UserUpdated, 1).await, [2, 3, 4]);
    assert_eq!(fixture.sequences(EventType::UserDeleted, 1).await, [5]);
    assert_eq!(fixture.sequences(EventType::UserDeleted, 2).await, [3]);
}

/// More of them than a sweep has pages: they must not fill every claim.
async fn a_blocked_key_with_many_rows_holds_back_no_other(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture
        .given([vec![oversize(1, 1)], (2..=100).map(|n| updated(1, n)).collect(), vec![created(2)]].concat())
        .await;
    let dispatcher = fixture.start_with("a", &fixture.test.db, 4);
    fixture.until_left(&(1..=100).collect::<Vec<_>>()).await;
    dispatcher.stop().await;
    assert_eq!(fixture.sequences(EventType::UserCreated, 2).await, [1]);
}

async fn a_row_of_an_unknown_topic_holds_back_no_other(test: TestDb) {
    let fixture = Fixture::new(test).await;
    fixture
        .test
        .execute("insert into outbox (event_type, payload) values ('no.such.event', '{}'), ('', '[1]')")
        .await;
    fixture.given(vec![created(1)]).await;
    let dispatcher = fixture.start("a");
    fixture.until_left(&[1, 2]).await;
    dispatcher.stop().await;
}
