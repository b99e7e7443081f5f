//! Many letters: how fast, how far, and where it stops.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use esteira_bus::Record;
use esteira_dead_letters::{DeadLettersError, Filters, Pace, Progress, State};
use esteira_testkit::TestDb;

use crate::fixture::{Fixture, paid, redacted};
use crate::groups::Stop;

/// Letters of the orders 1, 2, 3… `count`.
async fn with_letters(store: &TestDb, count: i64) -> (Fixture, Vec<String>) {
    let fixture = Fixture::new(store).await;
    let mut letters = Vec::new();
    for order in 1..=count {
        letters.push(fixture.dead(&paid(order)).await);
    }
    (fixture, letters)
}

fn orders(records: &[Record]) -> Vec<i64> {
    records.iter().map(|record| record.offset).collect()
}

async fn run(fixture: &Fixture, pace: &Pace) -> Progress {
    fixture.letters.redrive_all(pace, |_| {}).await.unwrap()
}

async fn every_open_letter_is_handed_in_oldest_first_and_told_of(store: TestDb) {
    let (fixture, letters) = with_letters(&store, 5).await;
    fixture.letters.discard(&letters[1].parse().unwrap(), "x").await.unwrap();
    let mut told = Vec::new();
    let done = fixture.letters.redrive_all(&Pace::default(), |progress| told.push(progress)).await.unwrap();
    assert_eq!(orders(&fixture.views.handed_in()), [1, 3, 4, 5]);
    assert_eq!(told.iter().map(|progress| progress.handed_in).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!((done.total, done.handed_in, done.refused), (4, 4, 0));
    assert_eq!(told.last(), Some(&done));
    assert_eq!(run(&fixture, &Pace::default()).await.total, 0);
}

async fn only_what_is_asked_for_is_handed_in(store: TestDb) {
    let (fixture, _) = with_letters(&store, 3).await;
    let filters = Filters { aggregate_id: Some(2), state: Some(State::Applied), ..Filters::default() };
    assert_eq!(run(&fixture, &Pace { filters, ..Pace::default() }).await.handed_in, 1);
    assert_eq!(orders(&fixture.views.handed_in()), [2]);
}

async fn it_stops_before_a_given_letter(store: TestDb) {
    let (fixture, letters) = with_letters(&store, 5).await;
    let until = Some(letters[2].parse().unwrap());
    let done = run(&fixture, &Pace { until, ..Pace::default() }).await;
    assert_eq!((done.total, orders(&fixture.views.handed_in())), (2, vec![1, 2]));
}

/// It is no longer open, or the filters do not mean it.
async fn it_stops_there_also_where_that_letter_is_none_of_them(store: TestDb) {
    let (fixture, letters) = with_letters(&store, 5).await;
    fixture.letters.discard(&letters[2].parse().unwrap(), "x").await.unwrap();
    let until = Some(letters[2].parse().unwrap());
    run(&fixture, &Pace { until, ..Pace::default() }).await;
    assert_eq!(orders(&fixture.views.handed_in()), [1, 2]);
}

async fn a_letter_to_stop_at_that_is_not_there_stops_it_at_once(store: TestDb) {
    let (fixture, _) = with_letters(&store, 2).await;
    let until = Some("order.paid.dlq/0/900".parse().unwrap());
    let refused = fixture.letters.redrive_all(&Pace { until, ..Pace::default() }, |_| {}).await.unwrap_err();
    assert!(matches!(refused, DeadLettersError::NotFound(_)), "{refused}");
    assert_eq!(fixture.views.handed_in(), []);
}

async fn it_goes_no_faster_than_it_is_told(store: TestDb) {
    let (fixture, _) = with_letters(&store, 6).await;
    let pace = |rate| Pace { per_second: NonZeroU32::new(rate), ..Pace::default() };
    let started = Instant::now();
    assert_eq!(run(&fixture, &pace(25)).await.handed_in, 6);
    assert!(started.elapsed() >= Duration::from_millis(200), "{:?}", started.elapsed());
    for record in fixture.views.handed_in() {
        fixture.views.gives_up(&record);
    }
    assert_eq!(run(&fixture, &pace(u32::MAX)).await.handed_in, 6);
}

async fn those_that_would_fail_as_they_did_are_counted_and_stay(store: TestDb) {
    let (fixture, letters) = with_letters(&store, 4).await;
    fixture.views.undecodable.lock().unwrap().extend([2, 3]);
    let done = run(&fixture, &Pace::default()).await;
    assert_eq!((done.total, done.handed_in, done.refused), (4, 2, 2));
    let refusal = done.last_refusal.unwrap();
    assert!(refusal.contains(&letters[2]) && refusal.contains("expected value"), "{refusal}");
    assert_eq!(fixture.list(&Filters { state: Some(State::Open), ..Filters::default() }).await.len(), 2);
}

async fn in_an_outage_it_stops_and_goes_on_after(store: TestDb) {
    let (fixture, _) = with_letters(&store, 4).await;
    let views = &fixture.views;
    let goes_away = |progress: Progress| *views.away.lock().unwrap() = progress.handed_in == 2;
    let outage = fixture.letters.redrive_all(&Pace::default(), goes_away).await.unwrap_err();
    assert!(matches!(outage, DeadLettersError::Unavailable(_)), "{outage}");
    *views.away.lock().unwrap() = false;
    assert_eq!(run(&fixture, &Pace::default()).await.handed_in, 2);
    assert_eq!(orders(&views.handed_in()), [1, 2, 3, 4]);
}

async fn broken_off_anywhere_it_hands_each_in_once(store: TestDb) {
    for stop in [Stop::Before, Stop::After] {
        for at in 1..=4 {
            let (fixture, _) = with_letters(&store, 4).await;
            *fixture.views.stop.lock().unwrap() = Some((at, stop));
            let pace = Pace::default();
            tokio::select! {
                outcome = fixture.letters.redrive_all(&pace, |_| {}) => panic!("{outcome:?}"),
                () = fixture.views.stopped.notified() => {}
            }
            *fixture.views.stop.lock().unwrap() = None;
            run(&fixture, &pace).await;
            assert_eq!(orders(&fixture.views.handed_in()), [1, 2, 3, 4], "{stop:?} {at}");
            fixture.views.applies_what_waits();
            let applied = Filters { state: Some(State::Applied), ..Filters::default() };
            assert_eq!(fixture.list(&applied).await.len(), 4);
        }
    }
}

/// Shortly before a letter is in the retry store, or right after.
async fn what_an_erasure_rewrites_meanwhile_is_handed_in_as_it_is_then(store: TestDb) {
    for stop in [Stop::Before, Stop::After] {
        let (fixture, _) = with_letters(&store, 4).await;
        let views = &fixture.views;
        *views.stop.lock().unwrap() = Some((2, stop));
        let erasure = async {
            views.stopped.notified().await;
            *views.stop.lock().unwrap() = None;
            fixture.rewrites_the_queue().await;
            views.go.notify_one();
        };
        let pace = Pace::default();
        let (done, ()) = tokio::join!(run(&fixture, &pace), erasure);
        assert_eq!((done.total, done.handed_in, done.refused), (4, 4, 0));
        let [second, third, fourth] = [2, 3, 4].map(|order| redacted(&paid(order)));
        assert_eq!(views.handed_in(), [paid(1), paid(2), second, third, fourth], "{stop:?}");
    }
}

/// The letters are where they were, and some of them are of nobody that was erased.
async fn what_is_rewritten_between_two_letters_is_read_again_before_the_next(store: TestDb) {
    let (fixture, _) = with_letters(&store, 3).await;
    let (told, mut rest) = tokio::sync::mpsc::unbounded_channel();
    let pace = Pace { per_second: NonZeroU32::new(4), ..Pace::default() };
    let erasure = async {
        rest.recv().await.unwrap();
        fixture.rewrites_the_queue().await;
    };
    let each = |progress: Progress| told.send(progress).unwrap();
    let (done, ()) = tokio::join!(fixture.letters.redrive_all(&pace, each), erasure);
    assert_eq!(done.unwrap().handed_in, 3);
    assert_eq!(fixture.views.handed_in(), [paid(1), redacted(&paid(2)), redacted(&paid(3))]);
}

async fn one_letter_is_handed_in_or_given_up_as_it_is_then(store: TestDb) {
    for discards in [false, true] {
        let (fixture, letters) = with_letters(&store, 1).await;
        let (views, id) = (&fixture.views, letters[0].parse().unwrap());
        *views.stop.lock().unwrap() = Some((1, Stop::Before));
        let erasure = async {
            views.stopped.notified().await;
            *views.stop.lock().unwrap() = None;
            fixture.rewrites_the_queue().await;
            views.go.notify_one();
        };
        let decided = async {
            if discards {
                fixture.letters.discard(&id, "x").await.map(drop)
            } else {
                fixture.letters.redrive(&id).await.map(drop)
            }
        };
        let (outcome, ()) = tokio::join!(decided, erasure);
        outcome.unwrap();
        let records = if discards { views.given_up() } else { views.handed_in() };
        assert_eq!(records, [paid(1), redacted(&paid(1))], "{discards}");
    }
}

esteira_testkit::on_every_engine!(
    what_an_erasure_rewrites_meanwhile_is_handed_in_as_it_is_then,
    what_is_rewritten_between_two_letters_is_read_again_before_the_next,
    one_letter_is_handed_in_or_given_up_as_it_is_then,
    every_open_letter_is_handed_in_oldest_first_and_told_of,
    only_what_is_asked_for_is_handed_in,
    it_stops_before_a_given_letter,
    it_stops_there_also_where_that_letter_is_none_of_them,
    a_letter_to_stop_at_that_is_not_there_stops_it_at_once,
    it_goes_no_faster_than_it_is_told,
    those_that_would_fail_as_they_did_are_counted_and_stay,
    in_an_outage_it_stops_and_goes_on_after,
    broken_off_anywhere_it_hands_each_in_once,
);
