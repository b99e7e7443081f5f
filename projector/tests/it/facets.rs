//! The user facet of an order follows its user, whoever comes first.

use esteira_bus::Handler;
use esteira_views::{ORDERS, USERS};

use crate::events::{made, order_created, order_paid, user_created, user_data, user_updated};
use crate::fixture::Fixture;
use crate::hooks::{Hooked, Method};

async fn facet(fixture: &Fixture) -> (String, i64) {
    let user = fixture.order(1).await.unwrap().user;
    (user.name, user.version)
}

fn facet_of(name: &str, version: i64) -> (String, i64) {
    (name.to_owned(), version)
}

async fn an_order_that_came_first_gets_its_users_changes(fixture: Fixture) {
    fixture.handle(&[made(1, order_created(1, 1, 1, Some(user_data(1, "ana", 1))))]).await;
    fixture.handle(&[made(1, user_created(1, "ana")), made(2, user_updated(1, "eva"))]).await;
    assert_eq!(facet(&fixture).await, facet_of("eva", 2));
}

async fn an_order_that_came_after_its_users_change_shows_it(fixture: Fixture) {
    fixture.handle(&[made(1, user_created(1, "ana")), made(2, user_updated(1, "eva"))]).await;
    fixture.handle(&[made(1, order_created(1, 1, 1, Some(user_data(1, "ana", 1))))]).await;
    assert_eq!(facet(&fixture).await, facet_of("eva", 2));
}

async fn an_older_user_does_not_replace_a_newer_facet(fixture: Fixture) {
    fixture.handle(&[made(1, order_created(1, 1, 1, Some(user_data(1, "eva", 2))))]).await;
    fixture.handle(&[made(1, user_created(1, "ana"))]).await;
    assert_eq!(facet(&fixture).await, facet_of("eva", 2));
}

/// The user is changed after the order was folded and before it is written.
async fn a_user_that_changes_while_its_order_is_written_is_followed(fixture: Fixture) {
    fixture.handle(&[made(1, user_created(1, "ana"))]).await;
    let (slow, paused) = Hooked::pausing(&fixture.views, |call| call.is(Method::Write, &ORDERS));
    let slow = fixture.hooked(&slow);
    let order = made(1, order_created(1, 1, 1, Some(user_data(1, "ana", 1))));
    let writing = tokio::spawn(async move { slow.handle(&[order]).await });
    paused.reached.await.unwrap();
    fixture.handle(&[made(2, user_updated(1, "eva"))]).await;
    paused.go.send(()).unwrap();
    writing.await.unwrap().unwrap();
    assert_eq!(facet(&fixture).await, facet_of("eva", 2));
}

/// The order is written after its user was, and before the facets of the user's orders are.
async fn an_order_that_is_written_while_its_user_changes_is_followed(fixture: Fixture) {
    fixture.handle(&[made(1, user_created(1, "ana"))]).await;
    let (slow, paused) = Hooked::pausing(&fixture.views, |call| call.is(Method::Write, &USERS));
    let slow = fixture.hooked(&slow);
    let writing = tokio::spawn(async move { slow.handle(&[made(2, user_updated(1, "eva"))]).await });
    paused.reached.await.unwrap();
    fixture.handle(&[made(1, order_created(1, 1, 1, Some(user_data(1, "ana", 1))))]).await;
    paused.go.send(()).unwrap();
    writing.await.unwrap().unwrap();
    assert_eq!(facet(&fixture).await, facet_of("eva", 2));
}

/// The facet changes between the order's read and its write, which must not put the old one back.
async fn an_order_update_does_not_overwrite_a_newer_facet(fixture: Fixture) {
    let created = made(1, order_created(1, 1, 1, Some(user_data(1, "ana", 1))));
    fixture.handle(&[made(1, user_created(1, "ana")), created]).await;
    let (slow, paused) = Hooked::pausing(&fixture.views, |call| call.is(Method::Write, &ORDERS));
    // The look at the users after the write must not be what heals it.
    let slow = fixture
        .hooked(&Hooked::failing_once(&(slow as std::sync::Arc<dyn esteira_views::Views>), |call| {
            call.is(Method::Get, &USERS)
        }));
    let paying = tokio::spawn(async move { slow.handle(&[made(2, order_paid(1))]).await });
    paused.reached.await.unwrap();
    fixture.handle(&[made(2, user_updated(1, "eva"))]).await;
    paused.go.send(()).unwrap();
    paying.await.unwrap().unwrap_err();
    assert_eq!(facet(&fixture).await, facet_of("eva", 2));
    assert_eq!(fixture.order(1).await.unwrap().status, "PAID");
}

async fn a_crash_between_user_and_facets_heals_when_the_event_comes_again(fixture: Fixture) {
    let created = made(1, order_created(1, 1, 1, Some(user_data(1, "ana", 1))));
    fixture.handle(&[made(1, user_created(1, "ana")), created]).await;
    let updated = [made(2, user_updated(1, "eva"))];
    let dying = Hooked::failing_once(&fixture.views, |call| call.is(Method::UpdateWhere, &ORDERS));
    fixture.hooked(&dying).handle(&updated).await.unwrap_err();
    assert_eq!(fixture.user(1).await.unwrap().version, 2);
    assert_eq!(facet(&fixture).await, facet_of("ana", 1));
    fixture.handle(&updated).await;
    assert_eq!(facet(&fixture).await, facet_of("eva", 2));
}

async fn a_crash_between_order_and_facet_heals_when_the_event_comes_again(fixture: Fixture) {
    fixture.handle(&[made(1, user_created(1, "ana")), made(2, user_updated(1, "eva"))]).await;
    let created = [made(1, order_created(1, 1, 1, Some(user_data(1, "ana", 1))))];
    let dying = Hooked::failing_once(&fixture.views, |call| call.is(Method::UpdateWhere, &ORDERS));
    fixture.hooked(&dying).handle(&created).await.unwrap_err();
    assert_eq!(facet(&fixture).await, facet_of("ana", 1));
    fixture.handle(&created).await;
    assert_eq!(facet(&fixture).await, facet_of("eva", 2));
}

/// A retry has no record in the log that would come again: what is parked goes last.
async fn a_crash_between_a_retried_user_and_its_facets_heals_at_the_next_retry(fixture: Fixture) {
    let created = made(1, order_created(1, 1, 1, Some(user_data(1, "ana", 1))));
    fixture.handle(&[made(1, user_created(1, "ana")), created]).await;
    let refusing = Hooked::refusing(&fixture.views, &USERS, 1);
    fixture.hooked(&refusing).handle(&[made(2, user_updated(1, "eva"))]).await.unwrap();
    fixture.let_time_pass().await;
    let dying = Hooked::failing_once(&fixture.views, |call| call.is(Method::UpdateWhere, &ORDERS));
    fixture.hooked(&dying).tick().await.unwrap_err();
    assert_eq!(fixture.user(1).await.unwrap().version, 2);
    fixture.let_time_pass().await;
    fixture.sweep().await;
    assert_eq!(facet(&fixture).await, facet_of("eva", 2));
    assert_eq!(fixture.parked().await, []);
}

crate::on_every_engine!(
    an_order_that_came_first_gets_its_users_changes,
    an_order_that_came_after_its_users_change_shows_it,
    an_older_user_does_not_replace_a_newer_facet,
    a_user_that_changes_while_its_order_is_written_is_followed,
    an_order_that_is_written_while_its_user_changes_is_followed,
    an_order_update_does_not_overwrite_a_newer_facet,
    a_crash_between_user_and_facets_heals_when_the_event_comes_again,
    a_crash_between_order_and_facet_heals_when_the_event_comes_again,
    a_crash_between_a_retried_user_and_its_facets_heals_at_the_next_retry,
);
