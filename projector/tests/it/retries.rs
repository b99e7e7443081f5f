//! An outage is not a failure; a failure holds back its own aggregate only.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use esteira_bus::{ErrorClass, Handler, Record};
use esteira_events::{OrderStatus, Payload};
use esteira_views::{PARKED, USERS, ViewsError, Write};

use crate::events::{
    made, moved, order_created, order_paid, order_updated, product_created, user_created, user_data,
    user_updated,
};
use crate::fixture::Fixture;
use crate::hooks::{Action, Hooked, unavailable};

async fn while_the_views_are_away_nothing_is_dead_lettered_and_it_goes_on_after(fixture: Fixture) {
    let away = Arc::new(AtomicBool::new(true));
    let switch = Arc::clone(&away);
    let views = Hooked::new(&fixture.views, move |_| {
        if switch.load(Ordering::Relaxed) { Action::Fail(unavailable()) } else { Action::Proceed }
    });
    let projector = fixture.hooked(&views);
    let records = [made(1, user_created(1, "ana")), made(2, user_updated(1, "eva"))];
    for _ in 0..20 {
        projector.handle(&records).await.unwrap_err();
        projector.tick().await.unwrap_err();
    }
    assert_eq!(fixture.parked().await, []);
    away.store(false, Ordering::Relaxed);
    projector.handle(&records).await.unwrap();
    assert_eq!(fixture.user(1).await.unwrap().version, 2);
    for topic in ["user.created", "user.updated"] {
        assert_eq!(fixture.dead_letters(topic).await, []);
    }
}

/// When the parked event is tried again.
async fn next_attempt(fixture: &Fixture) -> DateTime<Utc> {
    let parked = fixture.all(&PARKED).await.remove(0).body;
    parked["next_attempt_at"].as_str().unwrap().parse().unwrap()
}

async fn a_refused_event_is_retried_after_1_2_4_8_and_16_seconds_and_then_a_dead_letter(fixture: Fixture) {
    let refusing = fixture.hooked(&Hooked::refusing(&fixture.views, &USERS, 1));
    let refused = made(1, user_created(1, "ana"));
    let mut since = Utc::now();
    refusing.handle(std::slice::from_ref(&refused)).await.unwrap();
    for seconds in [1, 2, 4, 8, 16] {
        let (next, delay) = (next_attempt(&fixture).await, TimeDelta::seconds(seconds));
        // Kept to the millisecond.
        let earliest = since + delay - TimeDelta::milliseconds(1);
        assert!(next >= earliest && next <= Utc::now() + delay, "{seconds} s after {since}: {next}");
        // Neither its copy nor a tick before its time counts.
        refusing.handle(std::slice::from_ref(&refused)).await.unwrap();
        refusing.tick().await.unwrap();
        assert_eq!(fixture.dead_letters("user.created").await, []);
        fixture.let_time_pass().await;
        since = Utc::now();
        refusing.tick().await.unwrap();
    }
    let letters = fixture.dead_letters("user.created").await;
    assert_eq!(letters.len(), 1);
    let (record, letter) = &letters[0];
    assert_eq!(*record, refused);
    assert_eq!(letter.header("dlq_error_class"), Some(ErrorClass::Failed.as_str()));
    assert_eq!(
        (letter.header("dlq_attempts"), letter.header("dlq_group")),
        (Some("6"), Some("query-consumer"))
    );
    assert_eq!(fixture.parked().await, [("user:1:1".to_owned(), "dead".to_owned())]);
    // Once dead, it stays so: neither a sweep nor its copy makes a second letter.
    refusing.handle(&[refused.clone(), refused]).await.unwrap();
    fixture.let_time_pass().await;
    refusing.tick().await.unwrap();
    assert_eq!(fixture.dead_letters("user.created").await.len(), 1);
}

async fn what_follows_a_refused_event_waits_behind_it_and_others_flow(fixture: Fixture) {
    let refusing = fixture.hooked(&Hooked::refusing(&fixture.views, &USERS, 1));
    let records: Vec<Record> = [1, 2, 3]
        .into_iter()
        .flat_map(|id| [made(1, user_created(id, "ana")), made(2, user_updated(id, "eva"))])
        .collect();
    refusing.handle(&records).await.unwrap();
    refusing.handle(&[made(3, user_updated(1, "ida"))]).await.unwrap();
    for id in [2, 3] {
        assert_eq!(fixture.user(id).await.unwrap().version, 2);
    }
    let state = |id: &str, state: &str| (id.to_owned(), state.to_owned());
    let waiting = [state("user:1:1", "retry"), state("user:1:2", "waiting"), state("user:1:3", "waiting")];
    assert_eq!(fixture.parked().await, waiting);
    // Not due yet, so that not even a store that is well again gets it out of its turn.
    fixture.sweep().await;
    assert!(fixture.user(1).await.is_none());
    fixture.let_time_pass().await;
    fixture.sweep().await;
    let user = fixture.user(1).await.unwrap();
    assert_eq!((user.version, user.name.as_str()), (3, "ida"));
    assert_eq!(fixture.parked().await, []);
}

async fn a_duplicate_before_a_refused_event_is_not_taken_for_it(fixture: Fixture) {
    let created = made(1, user_created(1, "ana"));
    fixture.handle(std::slice::from_ref(&created)).await;
    let refusing = fixture.hooked(&Hooked::refusing(&fixture.views, &USERS, 1));
    let updated = made(2, user_updated(1, "eva"));
    refusing.handle(&[created, updated.clone(), updated]).await.unwrap();
    assert_eq!(fixture.parked().await, [("user:1:2".to_owned(), "retry".to_owned())]);
}

async fn an_event_that_does_not_fit_its_view_fails_alone(fixture: Fixture) {
    let misfit = made(2, order_paid(7));
    let view = order_created(7, 1, 1, Some(user_data(1, "ana", 1)));
    fixture.handle(&[made(1, view), made(1, product_created(7, 3))]).await;
    fixture.handle(&[misfit, made(2, Payload::StockReserved(moved(7, 1, Some(2))))]).await;
    assert_eq!(fixture.order(7).await.unwrap().version, 2);
    assert_eq!(fixture.product(7).await.unwrap().stock, 2);
    fixture.handle(&[made(3, order_created(7, 1, 1, Some(user_data(1, "ana", 1))))]).await;
    fixture.handle(&[made(4, order_updated(7, OrderStatus::Processing))]).await;
    let state = |id: &str, state: &str| (id.to_owned(), state.to_owned());
    assert_eq!(fixture.parked().await, [state("order:7:3", "retry"), state("order:7:4", "waiting")]);
    assert_eq!(fixture.order(7).await.unwrap().version, 2);
}

/// A chain of which only the end is refused: the beginning is applied when its turn comes again.
async fn the_beginning_of_a_refused_chain_is_applied_in_time(fixture: Fixture) {
    let views = Hooked::new(&fixture.views, |call| {
        let refused =
            |write: &Write| matches!(write, Write::Put { set, .. } if set.get("name") == Some(&"bad".into()));
        if call.writes.iter().any(refused) {
            return Action::Fail(ViewsError::Rejected("the test says so".to_owned()));
        }
        Action::Proceed
    });
    let projector = fixture.hooked(&views);
    let records = [
        made(1, user_created(1, "ana")),
        made(2, user_updated(1, "eva")),
        made(3, user_updated(1, "bad")),
        made(4, user_updated(1, "bad")),
    ];
    projector.handle(&records).await.unwrap();
    for _ in 0..3 {
        fixture.let_time_pass().await;
        projector.tick().await.unwrap();
    }
    assert_eq!(fixture.user(1).await.unwrap().version, 2);
    let state = |id: &str, state: &str| (id.to_owned(), state.to_owned());
    assert_eq!(fixture.parked().await, [state("user:1:3", "retry"), state("user:1:4", "waiting")]);
}

/// Every process looks for what is due; one of them makes the attempt.
async fn of_two_projectors_one_makes_the_last_attempt(fixture: Fixture) {
    let refusing = fixture.hooked(&Hooked::refusing(&fixture.views, &USERS, 1));
    refusing.handle(&[made(1, user_created(1, "ana"))]).await.unwrap();
    for _ in 0..5 {
        fixture.let_time_pass().await;
        let other = fixture.hooked(&Hooked::refusing(&fixture.views, &USERS, 1));
        let (first, second) = tokio::join!(refusing.tick(), other.tick());
        first.and(second).unwrap();
    }
    assert_eq!(fixture.parked().await, [("user:1:1".to_owned(), "dead".to_owned())]);
    assert_eq!(fixture.dead_letters("user.created").await.len(), 1);
}

/// Whoever tampered with a parked document, the others go on.
async fn a_parked_document_that_cannot_be_read_stops_nobody(fixture: Fixture) {
    fixture.handle(&[made(2, user_updated(1, "eva")), made(2, user_updated(2, "ida"))]).await;
    let tampered = [("state", "waiting"), ("group", "query-consumer"), ("aggregate_id", "none")];
    let set = tampered.into_iter().map(|(field, value)| (field.to_owned(), value.into())).collect();
    let write = Write::Upsert { collection: &PARKED, id: "user:1:2".into(), set };
    fixture.views.write(vec![write]).await.unwrap();
    fixture.handle(&[made(1, user_created(1, "ana")), made(1, user_created(2, "ana"))]).await;
    fixture.sweep().await;
    assert_eq!(fixture.user(1).await.unwrap().version, 1);
    assert_eq!(fixture.user(2).await.unwrap().version, 2);
}

crate::on_every_engine!(
    a_parked_document_that_cannot_be_read_stops_nobody,
    of_two_projectors_one_makes_the_last_attempt,
    while_the_views_are_away_nothing_is_dead_lettered_and_it_goes_on_after,
    a_refused_event_is_retried_after_1_2_4_8_and_16_seconds_and_then_a_dead_letter,
    what_follows_a_refused_event_waits_behind_it_and_others_flow,
    a_duplicate_before_a_refused_event_is_not_taken_for_it,
    an_event_that_does_not_fit_its_view_fails_alone,
    the_beginning_of_a_refused_chain_is_applied_in_time,
);
