//! What fails for its own reason is retried outside of the line, and then a dead letter.

use chrono::{TimeDelta, Utc};
use esteira_bus::{ErrorClass, Handler, Record};
use esteira_testkit::TestDb;

use crate::fixture::{Fixture, garbage, record};
use crate::service::{REJECTED_ABOVE, SLOW_ABOVE};

async fn an_event_has_its_effect_once_however_often_it_comes(store: TestDb) {
    let fixture = Fixture::new(store).await;
    let reactions = fixture.reactions();
    for _ in 0..2 {
        reactions.handle(&[record(1), record(2), record(1)]).await.unwrap();
    }
    assert_eq!(fixture.notes().await, [1, 2]);
    assert_eq!(fixture.parked().await, [""; 0]);
}

async fn a_rejected_command_is_done_with(store: TestDb) {
    let fixture = Fixture::new(store).await;
    fixture.reactions().handle(&[record(REJECTED_ABOVE + 1), record(1)]).await.unwrap();
    assert_eq!(fixture.notes().await, [1]);
    assert_eq!(fixture.parked().await, [""; 0]);
}

async fn a_command_that_fails_holds_nobody_up_and_is_retried(store: TestDb) {
    let fixture = Fixture::new(store).await;
    let reactions = fixture.reactions();
    fixture.broken.lock().unwrap().insert(2);
    reactions.handle(&[record(1), record(2), record(3)]).await.unwrap();
    assert_eq!(fixture.notes().await, [1, 3]);
    assert_eq!(fixture.parked().await, ["retry 1"]);
    fixture.broken.lock().unwrap().clear();
    reactions.tick().await.unwrap();
    assert_eq!(fixture.notes().await, [1, 3]);
    fixture.let_time_pass().await;
    reactions.tick().await.unwrap();
    assert_eq!(fixture.notes().await, [1, 2, 3]);
    assert_eq!(fixture.parked().await, [""; 0]);
}

/// The line answers for four seconds; what it had no time for then comes again without what was answered.
async fn failures_that_take_longer_than_the_line_has_time_are_all_parked(store: TestDb) {
    let fixture = Fixture::new(store).await;
    let slow: Vec<i64> = (SLOW_ABOVE + 1..=SLOW_ABOVE + 32).collect();
    fixture.broken.lock().unwrap().extend(&slow);
    let records: Vec<Record> = slow.iter().copied().map(record).collect();
    fixture.reactions().handle(&records).await.unwrap();
    assert_eq!(fixture.parked().await, ["retry 1"; 32]);
}

async fn it_is_tried_again_after_1_2_4_8_and_16_seconds_and_then_a_dead_letter(store: TestDb) {
    let fixture = Fixture::new(store).await;
    let reactions = fixture.reactions();
    fixture.broken.lock().unwrap().insert(2);
    let mut since = Utc::now();
    reactions.handle(&[record(2)]).await.unwrap();
    for (attempt, seconds) in [1, 2, 4, 8, 16].into_iter().enumerate() {
        let next = fixture.next_attempt().await;
        let delay = TimeDelta::seconds(seconds);
        assert!(
            next >= since + delay - TimeDelta::milliseconds(2) && next <= Utc::now() + delay,
            "{seconds}"
        );
        // Neither its copy nor a tick before its time counts.
        reactions.handle(&[record(2)]).await.unwrap();
        reactions.tick().await.unwrap();
        assert_eq!(fixture.parked().await, [format!("retry {}", attempt + 1)]);
        fixture.let_time_pass().await;
        since = Utc::now();
        reactions.tick().await.unwrap();
    }
    assert_eq!(fixture.parked().await, ["dead 6"]);
    let letters = fixture.dead_letters().await;
    assert_eq!(letters.len(), 1);
    let (original, letter) = &letters[0];
    assert_eq!(*original, record(2));
    assert_eq!(letter.header("dlq_error_class"), Some(ErrorClass::Failed.as_str()));
    assert_eq!(
        (letter.header("dlq_attempts"), letter.header("dlq_group")),
        (Some("6"), Some("notes-consumer"))
    );
    // Once dead, it stays so.
    reactions.handle(&[record(2)]).await.unwrap();
    fixture.let_time_pass().await;
    reactions.tick().await.unwrap();
    assert_eq!(fixture.dead_letters().await.len(), 1);
}

/// Every process looks for what is due; one of them makes the attempt.
async fn of_two_processes_one_makes_the_last_attempt(store: TestDb) {
    let fixture = Fixture::new(store).await;
    let (first, second) = (fixture.reactions(), fixture.reactions());
    fixture.broken.lock().unwrap().insert(2);
    first.handle(&[record(2)]).await.unwrap();
    for _ in 0..5 {
        fixture.let_time_pass().await;
        let (first, second) = tokio::join!(first.tick(), second.tick());
        first.and(second).unwrap();
    }
    assert_eq!(fixture.parked().await, ["dead 6"]);
    assert_eq!(fixture.dead_letters().await.len(), 1);
}

async fn a_record_that_is_no_event_is_a_dead_letter_at_once_and_only_once(store: TestDb) {
    let fixture = Fixture::new(store).await;
    let reactions = fixture.reactions();
    for _ in 0..2 {
        reactions.handle(&[garbage(7), record(1)]).await.unwrap();
    }
    let letters = fixture.dead_letters().await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].0, garbage(7));
    assert_eq!(letters[0].1.header("dlq_error_class"), Some(ErrorClass::Undecodable.as_str()));
    assert_eq!(fixture.parked().await, ["dead 1"]);
    assert_eq!(fixture.notes().await, [1]);
}

/// The topic was made anew, and what is parked is from before.
async fn a_record_at_the_place_of_another_one_that_is_dead_is_parked_beside_it(store: TestDb) {
    let fixture = Fixture::new(store).await;
    let reactions = fixture.reactions();
    fixture.broken.lock().unwrap().extend([2, 3]);
    let anew =
        [Record { offset: 2, ..record(3) }, Record { timestamp_ms: Some(1_795_351_389_001), ..garbage(7) }];
    reactions.handle(&[record(2), garbage(7)]).await.unwrap();
    for _ in 0..5 {
        fixture.let_time_pass().await;
        reactions.tick().await.unwrap();
    }
    reactions.handle(&anew).await.unwrap();
    let mut parked = fixture.parked().await;
    parked.sort_unstable();
    assert_eq!(parked, ["dead 1", "dead 1", "dead 6", "retry 1"]);
    assert_eq!(fixture.dead_letters().await.len(), 3);
    fixture.broken.lock().unwrap().clear();
    fixture.let_time_pass().await;
    reactions.tick().await.unwrap();
    assert_eq!(fixture.notes().await, [3]);
}

async fn an_event_that_asks_for_nothing_leaves_nothing(store: TestDb) {
    let fixture = Fixture::new(store).await;
    let other = Record { topic: "order.paid".to_owned(), ..record(1) };
    fixture.reactions().handle(&[other]).await.unwrap();
    assert_eq!(fixture.notes().await, [0; 0]);
    assert_eq!(fixture.parked().await, [""; 0]);
}

esteira_testkit::on_every_engine!(
    an_event_has_its_effect_once_however_often_it_comes,
    a_rejected_command_is_done_with,
    a_command_that_fails_holds_nobody_up_and_is_retried,
    failures_that_take_longer_than_the_line_has_time_are_all_parked,
    it_is_tried_again_after_1_2_4_8_and_16_seconds_and_then_a_dead_letter,
    of_two_processes_one_makes_the_last_attempt,
    a_record_that_is_no_event_is_a_dead_letter_at_once_and_only_once,
    a_record_at_the_place_of_another_one_that_is_dead_is_parked_beside_it,
    an_event_that_asks_for_nothing_leaves_nothing,
);
