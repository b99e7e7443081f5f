//! What is decided about a parked event while an attempt at it runs, and what comes to its place.

use std::sync::Arc;

use esteira_bus::dlq::{RetryStore, Standing};
use esteira_bus::{Handler, Header, Record};
use esteira_views::{DocId, Filter, PARKED, USERS, Views};
use serde_json::Value;

use crate::events::{made, user_created, user_updated};
use crate::fixture::Fixture;
use crate::hooks::{Hooked, Method};

/// User 1, whose second event was refused so often; in the middle of its next attempt something is decided.
async fn decided(fixture: &Fixture, attempts: usize, decide: impl AsyncFn(&Fixture, &Record)) -> Record {
    let refused = made(2, user_updated(1, "eva"));
    fixture.handle(&[made(1, user_created(1, "ana"))]).await;
    let views = Hooked::refusing(&fixture.views, &USERS, 1);
    let refusing = fixture.hooked(&views);
    refusing.handle(std::slice::from_ref(&refused)).await.unwrap();
    for _ in 1..attempts {
        fixture.let_time_pass().await;
        refusing.tick().await.unwrap();
    }
    fixture.let_time_pass().await;
    let views = views as Arc<dyn Views>;
    let (pausing, paused) = Hooked::pausing(&views, |call| call.is(Method::Write, &USERS));
    let attempt = fixture.hooked(&pausing);
    let attempt = tokio::spawn(async move { attempt.tick().await });
    paused.reached.await.unwrap();
    decide(fixture, &refused).await;
    paused.go.send(()).unwrap();
    attempt.await.unwrap().unwrap();
    refused
}

async fn discard(fixture: &Fixture, record: &Record) {
    fixture.projector().discard(record, "it never was").await.unwrap();
}

async fn redrive(fixture: &Fixture, record: &Record) {
    fixture.projector().redrive(record).await.unwrap();
}

fn scrubbed(record: &Record) -> Record {
    let value = String::from_utf8(record.value.clone().unwrap()).unwrap();
    Record { value: Some(value.replace("eva", "erased").into_bytes()), ..record.clone() }
}

/// As `pkg/erasure` does.
async fn scrub(fixture: &Fixture, record: &Record) {
    let value = serde_json::to_value(scrubbed(record)).unwrap()["value"].clone();
    let set = [("record.value".to_owned(), value)].into_iter().collect();
    let there = vec![Filter::eq("_id", "user:1:2")];
    assert_eq!(fixture.views.update_where(&PARKED, vec![(there, set)]).await.unwrap(), 1);
}

/// What the parked document of user 1's second event has in `field`.
async fn field(fixture: &Fixture, field: &str) -> Value {
    let id = DocId::from("user:1:2");
    fixture.views.get(&PARKED, &[id]).await.unwrap().remove(0).body.remove(field).unwrap_or_default()
}

async fn what_is_discarded_while_an_attempt_runs_stays_so(fixture: Fixture) {
    for attempts in [1, 5] {
        fixture.views.delete_where(&USERS, &[]).await.unwrap();
        decided(&fixture, attempts, discard).await;
        fixture.let_time_pass().await;
        fixture.sweep().await;
        let user = fixture.user(1).await.unwrap();
        assert_eq!((user.name.as_str(), user.version), ("ana", 2), "after {attempts} attempts");
        assert_eq!(fixture.dead_letters("user.updated").await, []);
    }
}

async fn what_is_handed_in_again_while_an_attempt_runs_has_all_its_attempts(fixture: Fixture) {
    for attempts in [1, 5] {
        fixture.views.delete_where(&USERS, &[]).await.unwrap();
        fixture.views.delete_where(&PARKED, &[]).await.unwrap();
        decided(&fixture, attempts, redrive).await;
        assert_eq!(fixture.parked().await, [("user:1:2".to_owned(), "retry".to_owned())]);
        assert_eq!(field(&fixture, "attempts").await, 0, "after {attempts} attempts");
        assert_eq!(fixture.dead_letters("user.updated").await, []);
    }
}

async fn what_an_erasure_takes_while_an_attempt_runs_does_not_come_back(fixture: Fixture) {
    let refused = decided(&fixture, 1, scrub).await;
    assert_eq!(
        (field(&fixture, "state").await, field(&fixture, "attempts").await),
        ("retry".into(), 2.into())
    );
    let kept: Record = serde_json::from_value(field(&fixture, "record").await).unwrap();
    assert_eq!(kept, scrubbed(&refused));
}

async fn what_an_erasure_takes_while_the_last_attempt_runs_is_not_in_the_letter(fixture: Fixture) {
    let refused = decided(&fixture, 5, scrub).await;
    assert_eq!(field(&fixture, "state").await, "dead");
    let kept: Record = serde_json::from_value(field(&fixture, "record").await).unwrap();
    let letter = fixture.dead_letters("user.updated").await.remove(0).0;
    assert_eq!([&kept, &letter], [&scrubbed(&refused); 2]);
    // A letter that was read before the erasure is known for the same.
    let standings = fixture.projector().standing(&[refused.clone(), letter.clone()]).await.unwrap();
    assert_eq!(standings, [Some(Standing::Dead); 2]);
    redrive(&fixture, &refused).await;
    redrive(&fixture, &letter).await;
    let kept: Record = serde_json::from_value(field(&fixture, "record").await).unwrap();
    assert_eq!(kept, letter);
}

/// Its group has not committed it, or an erasure has published it again.
async fn a_discarded_event_that_comes_again_before_its_predecessor_stays_so(fixture: Fixture) {
    let given_up = made(3, user_updated(1, "eva"));
    fixture.handle(&[made(1, user_created(1, "ana")), given_up.clone()]).await;
    discard(&fixture, &given_up).await;
    fixture.handle(&[given_up]).await;
    fixture.handle(&[made(2, user_updated(1, "ida"))]).await;
    let user = fixture.user(1).await.unwrap();
    assert_eq!((user.name.as_str(), user.version), ("ida", 3));
}

/// Says that it is event 3 of user 1.
fn broken(offset: i64) -> Record {
    let headers = vec![Header::text("ce_sequence", "3")];
    Record { offset, value: Some(b"{".to_vec()), headers, ..made(0, user_updated(1, "x")) }
}

async fn a_sound_event_goes_to_the_place_of_a_dead_one_and_both_are_kept(fixture: Fixture) {
    fixture.handle(&[made(1, user_created(1, "ana")), broken(5)]).await;
    fixture.handle(&[made(3, user_updated(1, "eva"))]).await;
    let state = |id: String, state: &str| (id, state.to_owned());
    let both = [state(broken(5).identity(), "dead"), state("user:1:3".to_owned(), "waiting")];
    assert_eq!(fixture.parked().await, both);
    assert_eq!(fixture.projector().standing(&[broken(5)]).await.unwrap(), [Some(Standing::Dead)]);
    fixture.handle(&[made(2, user_updated(1, "ida"))]).await;
    assert_eq!(fixture.user(1).await.unwrap().version, 3);
    assert_eq!(fixture.projector().standing(&[broken(5)]).await.unwrap(), [Some(Standing::Dead)]);
}

/// By another worker, between the look and the write.
async fn a_broken_record_does_not_take_the_place_of_an_event_that_was_parked_meanwhile(fixture: Fixture) {
    fixture.handle(&[made(1, user_created(1, "ana"))]).await;
    let (pausing, paused) = Hooked::pausing(&fixture.views, |call| call.is(Method::Write, &PARKED));
    let slow = fixture.hooked(&pausing);
    let burying = tokio::spawn(async move { slow.handle(&[broken(5)]).await });
    paused.reached.await.unwrap();
    fixture.handle(&[made(3, user_updated(1, "eva"))]).await;
    paused.go.send(()).unwrap();
    burying.await.unwrap().unwrap();
    let state = |id: String, state: &str| (id, state.to_owned());
    let both = [state(broken(5).identity(), "dead"), state("user:1:3".to_owned(), "waiting")];
    assert_eq!(fixture.parked().await, both);
    assert_eq!(fixture.dead_letters("user.updated").await.len(), 1);
}

/// The topic was made anew, and what is parked is from before.
async fn a_broken_record_at_the_place_of_another_one_gets_a_letter_too(fixture: Fixture) {
    let first = Record { headers: Vec::new(), ..broken(5) };
    let second = Record { timestamp_ms: Some(1_795_351_389_001), ..first.clone() };
    for records in [[first.clone(), first.clone()], [second.clone(), first.clone()]] {
        fixture.handle(&records).await;
    }
    assert_eq!(fixture.dead_letters("user.updated").await.len(), 2);
    discard(&fixture, &first).await;
    let standings = fixture.projector().standing(&[first, second]).await.unwrap();
    assert_eq!(standings, [Some(Standing::Discarded), Some(Standing::Dead)]);
}

crate::on_every_engine!(
    what_is_discarded_while_an_attempt_runs_stays_so,
    what_is_handed_in_again_while_an_attempt_runs_has_all_its_attempts,
    what_an_erasure_takes_while_an_attempt_runs_does_not_come_back,
    what_an_erasure_takes_while_the_last_attempt_runs_is_not_in_the_letter,
    a_discarded_event_that_comes_again_before_its_predecessor_stays_so,
    a_sound_event_goes_to_the_place_of_a_dead_one_and_both_are_kept,
    a_broken_record_does_not_take_the_place_of_an_event_that_was_parked_meanwhile,
    a_broken_record_at_the_place_of_another_one_gets_a_letter_too,
);
