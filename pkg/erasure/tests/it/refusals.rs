//! What is not erased, and why.

use std::time::Duration;

use esteira_erasure::ErasureError;
use esteira_outbox::acquire;
use esteira_testkit::{TestDb, on_every_engine};

use crate::fixture::{ANA, Fixture};

on_every_engine!(
    a_user_whom_nobody_knows_is_named,
    one_erasure_works_at_a_time,
    a_reason_does_not_keep_what_is_erased,
);

async fn a_user_whom_nobody_knows_is_named(store: TestDb) {
    let fixture = Fixture::new(&store, &[]).await;
    let unknown = fixture.run().await.unwrap_err();
    assert!(matches!(unknown, ErasureError::NotFound(ANA)) && unknown.to_string().contains("user 12"));
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
    let reason = format!("Ana <{}> asked", crate::fixture::EMAIL);
    let wish = esteira_erasure::Wish { users: vec![ANA], reason, ..Default::default() };
    fixture.erasure.run(&wish, &[ANA], |_| {}).await.unwrap();
    let listed = fixture.erasure.list().await.unwrap();
    assert_eq!(listed[0].reason, "erased <erased-12@erased.invalid> asked");
}
