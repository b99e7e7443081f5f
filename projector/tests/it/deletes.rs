//! Deletions and what comes after them.

use std::sync::Arc;

use esteira_bus::Handler;
use esteira_views::{TOMBSTONES, USERS, Write};

use crate::events::{made, user_created, user_deleted, user_updated};
use crate::fixture::Fixture;
use crate::hooks::{Action, Hooked, Method};

async fn a_late_event_does_not_bring_a_deleted_document_back(fixture: Fixture) {
    let (created, updated) = (made(1, user_created(1, "ana")), made(2, user_updated(1, "eva")));
    fixture.handle(&[created.clone(), updated.clone(), made(3, user_deleted(1))]).await;
    fixture.handle(&[updated]).await;
    fixture.handle(&[created, made(0, user_updated(1, "go"))]).await;
    assert!(fixture.user(1).await.is_none());
    assert_eq!(fixture.all(&TOMBSTONES).await[0].version(), 3);
    fixture.sweep().await;
    assert_eq!(fixture.parked().await, []);
}

async fn a_deletion_that_comes_early_waits_for_what_is_before_it(fixture: Fixture) {
    fixture.handle(&[made(3, user_deleted(1))]).await;
    fixture.handle(&[made(1, user_created(1, "ana"))]).await;
    assert!(fixture.user(1).await.is_some());
    fixture.handle(&[made(2, user_updated(1, "eva"))]).await;
    assert!(fixture.user(1).await.is_none());
    assert_eq!(fixture.parked().await, []);
}

fn broken_off_after_the_tombstone(fixture: &Fixture) -> Arc<Hooked> {
    Hooked::new(&fixture.views, |call| {
        let goes = call.writes.iter().any(|write| matches!(write, Write::Delete { .. }));
        if goes { Action::BreakOffAfter(1) } else { Action::Proceed }
    })
}

async fn a_crash_between_tombstone_and_deletion_heals_when_the_event_comes_again(fixture: Fixture) {
    fixture.handle(&[made(1, user_created(1, "ana"))]).await;
    let deleted = [made(2, user_deleted(1))];
    let dying = broken_off_after_the_tombstone(&fixture);
    fixture.hooked(&dying).handle(&deleted).await.unwrap_err();
    assert!(fixture.user(1).await.is_some());
    assert_eq!(fixture.all(&TOMBSTONES).await.len(), 1);
    fixture.handle(&deleted).await;
    assert!(fixture.user(1).await.is_none());
}

/// Go's deletions have no sequence, so that the tombstone has the version of the document it left behind.
async fn a_document_that_a_crash_left_behind_its_tombstone_takes_no_more_events(fixture: Fixture) {
    fixture.handle(&[made(1, user_created(1, "ana"))]).await;
    let dying = broken_off_after_the_tombstone(&fixture);
    fixture.hooked(&dying).handle(&[made(0, user_deleted(1))]).await.unwrap_err();
    fixture.handle(&[made(2, user_updated(1, "eva"))]).await;
    assert!(fixture.user(1).await.is_none());
    assert_eq!(fixture.parked().await, []);
}

/// A worker that was taken for dead reads that there is no user, and writes it after others have deleted it.
async fn a_creation_that_is_written_after_the_deletion_does_not_stay(fixture: Fixture) {
    let created = made(1, user_created(1, "ana"));
    let (slow, paused) = Hooked::pausing(&fixture.views, |call| call.is(Method::Write, &USERS));
    let slow = fixture.hooked(&slow);
    let late = created.clone();
    let zombie = tokio::spawn(async move { slow.handle(&[late]).await });
    paused.reached.await.unwrap();
    fixture.handle(&[created, made(2, user_deleted(1))]).await;
    paused.go.send(()).unwrap();
    zombie.await.unwrap().unwrap();
    assert!(fixture.user(1).await.is_none());
}

crate::on_every_engine!(
    a_late_event_does_not_bring_a_deleted_document_back,
    a_deletion_that_comes_early_waits_for_what_is_before_it,
    a_crash_between_tombstone_and_deletion_heals_when_the_event_comes_again,
    a_document_that_a_crash_left_behind_its_tombstone_takes_no_more_events,
    a_creation_that_is_written_after_the_deletion_does_not_stay,
);
