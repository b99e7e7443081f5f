//! What is not erased, and why.

use std::time::Duration;

use async_trait::async_trait;
use esteira_erasure::{ErasureError, Row, RowError, UserRows};
use esteira_outbox::acquire;
use esteira_testkit::{TestDb, on_every_engine};
use serde_json::{Value, json};

use crate::fixture::{ANA, EMAIL, Fixture, Gone};

on_every_engine!(
    a_user_whom_nobody_knows_is_named,
    one_erasure_works_at_a_time,
    a_reason_does_not_keep_what_is_erased,
    who_may_not_be_erased_keeps_nobody_else,
    a_dry_run_names_who_may_not_be_erased,
    what_is_broken_off_at_the_first_row_is_listed_and_completed,
    whom_nobody_knows_is_nobody_also_after_it_was_broken_off,
    the_lease_is_kept_however_long_a_row_takes,
    somebody_elses_answer_with_the_same_email_stays,
);

async fn a_user_whom_nobody_knows_is_named(store: TestDb) {
    let fixture = Fixture::new(&store, &[]).await;
    let unknown = fixture.run().await.unwrap();
    assert_eq!((unknown.users, unknown.refused[0].user_id), (vec![], ANA));
    assert_eq!(unknown.refused[0].reason, "there is no user 12: no row, no event and no erasure");
    assert!(fixture.erasure.list().await.unwrap().is_empty());
}

async fn one_erasure_works_at_a_time(store: TestDb) {
    let fixture = Fixture::new(&store, &[]).await;
    fixture.event(1, false).await;
    acquire(&store.db, "erasure", "another", Duration::from_mins(2)).await.unwrap().unwrap();
    assert!(matches!(fixture.run().await, Err(ErasureError::Busy)));
    assert_eq!(fixture.hers().await, (1, 0));
}

async fn a_reason_does_not_keep_what_is_erased(store: TestDb) {
    let fixture = Fixture::new(&store, &[]).await;
    fixture.event(1, false).await;
    let reason = format!("Ana <{EMAIL}> asked");
    let wish = esteira_erasure::Wish { users: vec![ANA], reason, ..Default::default() };
    fixture.erasure.run(&wish, &Gone, |_| {}).await.unwrap();
    let listed = fixture.erasure.list().await.unwrap();
    assert_eq!(listed[0].reason, "erased <erased-12@erased.invalid> asked");
}

/// Only Ana may be erased.
struct OnlyAna;

#[async_trait]
impl UserRows for OnlyAna {
    async fn erase(&self, user: i64, _: bool) -> Result<Row, RowError> {
        if user == ANA { Ok(Row::Erased) } else { Err(RowError::Refused("order 3 is open".to_owned())) }
    }
}

async fn who_may_not_be_erased_keeps_nobody_else(store: TestDb) {
    let fixture = Fixture::new(&store, &[]).await;
    fixture.event(1, false).await;
    for before in [0, 1] {
        let erased = fixture.run_for(&[11, ANA, 13], &OnlyAna).await.unwrap();
        let refused: Vec<(i64, &str)> =
            erased.refused.iter().map(|refused| (refused.user_id, refused.reason.as_str())).collect();
        assert_eq!((erased.users, erased.events), (vec![ANA], 1 - before));
        assert_eq!(refused, [(11, "order 3 is open"), (13, "order 3 is open")]);
        let listed = fixture.erasure.list().await.unwrap();
        assert!(listed.len() == 1 && listed[0].user_id == ANA && listed[0].erased_at.is_some(), "{listed:?}");
    }
    assert_eq!(fixture.hers().await, (0, 0));
}

async fn a_dry_run_names_who_may_not_be_erased(store: TestDb) {
    let fixture = Fixture::new(&store, &[]).await;
    fixture.event(1, false).await;
    let wish = esteira_erasure::Wish { users: vec![11, ANA], dry_run: true, ..Default::default() };
    let dry = fixture.erasure.run(&wish, &OnlyAna, |_| {}).await.unwrap();
    assert_eq!((dry.users.as_slice(), dry.refused.len(), dry.refused[0].user_id), (&[ANA][..], 1, 11));
    assert_eq!(dry.refused[0].reason, "order 3 is open");
    assert!(fixture.erasure.list().await.unwrap().is_empty());
    assert_eq!(fixture.hers().await, (1, 0));
}

/// The store goes away when the row is erased.
struct BreaksOff;

#[async_trait]
impl UserRows for BreaksOff {
    async fn erase(&self, _: i64, _: bool) -> Result<Row, RowError> {
        Err(RowError::Unavailable("the store is not available".to_owned()))
    }
}

async fn what_is_broken_off_at_the_first_row_is_listed_and_completed(store: TestDb) {
    let fixture = Fixture::new(&store, &[]).await;
    fixture.event(1, false).await;
    let broken = fixture.run_for(&[ANA], &BreaksOff).await;
    assert!(matches!(broken, Err(ErasureError::Unavailable(_))), "{broken:?}");
    let listed = fixture.erasure.list().await.unwrap();
    assert!(listed.len() == 1 && listed[0].erased_at.is_none(), "{listed:?}");
    // Whoever is erased next, hers is completed; and as long as she may not be erased, it stays to be done.
    let refused = fixture.run_for(&[13], &Nobody).await.unwrap();
    assert_eq!((refused.users.len(), refused.refused.len()), (0, 2));
    assert_eq!(fixture.erasure.list().await.unwrap().len(), 1);
    let erased = fixture.run_for(&[13], &OnlyAna).await.unwrap();
    assert_eq!((erased.users, fixture.hers().await), (vec![ANA], (0, 0)));
    assert!(fixture.erasure.list().await.unwrap()[0].erased_at.is_some());
}

async fn whom_nobody_knows_is_nobody_also_after_it_was_broken_off(store: TestDb) {
    let fixture = Fixture::new(&store, &[]).await;
    fixture.event(1, false).await;
    fixture.run_for(&[ANA, 99], &BreaksOff).await.unwrap_err();
    assert_eq!(fixture.erasure.list().await.unwrap().len(), 2);
    // Or else the user who gets that id one day would be erased by an `again`.
    let erased = fixture.run().await.unwrap();
    assert_eq!((erased.users, erased.refused[0].user_id), (vec![ANA], 99));
    assert_eq!(fixture.erasure.list().await.unwrap().len(), 1);
}

/// Longer than the lease.
struct Slow;

#[async_trait]
impl UserRows for Slow {
    async fn erase(&self, _: i64, _: bool) -> Result<Row, RowError> {
        tokio::time::sleep(Duration::from_secs(17)).await;
        Ok(Row::Erased)
    }
}

async fn the_lease_is_kept_however_long_a_row_takes(store: TestDb) {
    let fixture = Fixture::new(&store, &[]).await;
    fixture.event(1, false).await;
    let erased = fixture.run_for(&[ANA], &Slow).await.unwrap();
    assert_eq!((erased.users, fixture.hers().await), (vec![ANA], (0, 0)));
}

/// Nobody may be erased.
struct Nobody;

#[async_trait]
impl UserRows for Nobody {
    async fn erase(&self, _: i64, _: bool) -> Result<Row, RowError> {
        Err(RowError::Refused("order 3 is open".to_owned()))
    }
}

async fn somebody_elses_answer_with_the_same_email_stays(store: TestDb) {
    let fixture = Fixture::new(&store, &[]).await;
    fixture.event(1, false).await;
    let answer =
        |id: i64| json!({"done": {"id": id, "state": {"name": "Ana", "email": EMAIL}, "version": 1}});
    for id in [ANA, 13] {
        let sql = format!(
            "insert into idempotency_keys (scope, body_hash, answer, created_at) \
             values ('users/{id}', '', '{}', '2026-11-22 12:43:00')",
            answer(id)
        );
        store.execute(&sql).await;
    }
    assert_eq!(fixture.run().await.unwrap().answers, 1);
    let kept = store.texts("select cast(answer as char) from idempotency_keys order by scope").await;
    let kept: Vec<Value> = kept.iter().map(|answer| serde_json::from_str(answer).unwrap()).collect();
    let erased = json!({"name": "erased", "email": "erased-12@erased.invalid"});
    assert_eq!((&kept[0]["done"]["state"], &kept[1]), (&erased, &answer(13)));
}
