//! Rows that a dispatcher, or an operator, has in hand while they are erased.

use std::time::Duration;

use esteira_outbox::{Lease, balance};
use esteira_sql::on;
use esteira_testkit::{TestDb, on_every_engine};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::fixture::{ANA, EMAIL, Fixture, record};

on_every_engine!(
    what_a_dispatcher_has_in_hand_is_waited_for,
    what_waits_for_its_next_attempt_is_not_waited_for,
    without_a_dispatcher_nothing_is_waited_for,
    what_an_operator_gives_up_meanwhile_stays_given_up,
);

const LONG: Duration = Duration::from_mins(1);
const SOON: Duration = Duration::from_secs(30);

async fn rows_with_her_email(store: &TestDb) -> i64 {
    store.int(&format!("select count(*) from outbox where payload like '%{EMAIL}%'")).await
}

async fn what_a_dispatcher_has_in_hand_is_waited_for(store: TestDb) {
    let fixture = Fixture::new(&store, &[]).await;
    fixture.event(1, true).await;
    balance(&store.db, &mut Lease::new("busy", LONG)).await.unwrap();
    let mut run = std::pin::pin!(fixture.run());
    let early = timeout(Duration::from_secs(2), &mut run).await;
    assert!(early.is_err(), "it must wait: {early:?}");
    assert_eq!(rows_with_her_email(&store).await, 0);
    // The dispatcher has read the row before, and sends it after.
    fixture.publish(vec![record(ANA, 1)]).await;
    store.execute("update outbox set processed_at = '2026-11-22 12:43:00'").await;
    assert_eq!((run.await.unwrap().records, fixture.hers().await), (1, (0, 0)));
}

async fn what_waits_for_its_next_attempt_is_not_waited_for(store: TestDb) {
    let fixture = Fixture::new(&store, &[]).await;
    fixture.event(1, true).await;
    fixture.event(2, true).await;
    // Beyond any clock: the log has refused the first one, and the second one is behind it.
    store
        .execute("update outbox set attempts = 3, next_attempt_at = 99999999999999 where sequence = 1")
        .await;
    balance(&store.db, &mut Lease::new("busy", LONG)).await.unwrap();
    let erased = timeout(SOON, fixture.run()).await.unwrap().unwrap();
    assert_eq!(erased.events, 2);
    assert_eq!(rows_with_her_email(&store).await, 0);
}

async fn without_a_dispatcher_nothing_is_waited_for(store: TestDb) {
    let fixture = Fixture::new(&store, &[]).await;
    fixture.event(1, true).await;
    assert_eq!(fixture.run().await.unwrap().events, 1);
    assert_eq!(rows_with_her_email(&store).await, 0);
}

async fn what_an_operator_gives_up_meanwhile_stays_given_up(store: TestDb) {
    let fixture = Fixture::new(&store, &[]).await;
    fixture.event(1, false).await;
    fixture.event(2, true).await;
    let mut skipping = store.db.begin().await.unwrap();
    let skipped = format!(r#"{{"event_id": "new", "skipped": {{"reason": "asked by {EMAIL}"}}}}"#);
    on!(&mut skipping.conn(), c => {
        sqlx::query("update outbox set payload = ?, event_id = 'new' where sequence = 2").bind(skipped).execute(&mut *c).await.map(drop)
    })
    .unwrap();
    let mut run = std::pin::pin!(fixture.run());
    let early = timeout(Duration::from_secs(2), &mut run).await;
    assert!(early.is_err(), "it must wait: {early:?}");
    skipping.commit().await.unwrap();
    run.await.unwrap();
    let payloads = store.texts("select cast(payload as char) from outbox where sequence = 2").await;
    let payload: Value = serde_json::from_str(&payloads[0]).unwrap();
    assert_eq!(
        payload,
        json!({"event_id": "new", "skipped": {"reason": "asked by erased-12@erased.invalid"}})
    );
}
