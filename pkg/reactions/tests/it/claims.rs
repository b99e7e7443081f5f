//! What is decided about a parked record while an attempt at it runs.

use esteira_bus::dlq::RetryStore;
use esteira_bus::{Handler, Record};
use esteira_events::Topics;
use esteira_reactions::{React, ReactionStore};
use esteira_testkit::TestDb;

use crate::fixture::{Fixture, record, scrubbed};
use crate::service::Notes;

/// The event of order 2 has been tried so often, in vain; in the middle of its next attempt something is decided.
async fn decided(
    store: TestDb,
    attempts: usize,
    decide: impl AsyncFn(&Fixture, ReactionStore<Notes>),
) -> Fixture {
    let fixture = Fixture::new(store).await;
    let reactions = fixture.reactions_apart().await;
    fixture.broken.lock().unwrap().insert(2);
    reactions.handle(&[record(2)]).await.unwrap();
    for _ in 1..attempts {
        fixture.let_time_pass().await;
        reactions.tick().await.unwrap();
    }
    assert_eq!(fixture.parked().await, [format!("retry {attempts}")]);
    fixture.let_time_pass().await;
    *fixture.pause.order.lock().unwrap() = Some(2);
    let tools = ReactionStore::new(fixture.store.db.clone(), Topics::default(), Notes::GROUP.to_owned());
    let meanwhile = async {
        fixture.pause.reached.notified().await;
        decide(&fixture, tools).await;
        fixture.pause.go.notify_one();
    };
    let (outcome, ()) = tokio::join!(reactions.tick(), meanwhile);
    outcome.unwrap();
    fixture
}

async fn discard(_: &Fixture, tools: ReactionStore<Notes>) {
    tools.discard(&record(2), "it never was").await.unwrap();
}

async fn redrive(_: &Fixture, tools: ReactionStore<Notes>) {
    tools.redrive(&record(2)).await.unwrap();
}

/// As `pkg/erasure` does.
async fn scrub(fixture: &Fixture, _: ReactionStore<Notes>) {
    let record = serde_json::to_string(&scrubbed(&record(2))).unwrap();
    fixture.store.execute(&format!("update parked_records set record = '{record}'")).await;
}

async fn kept(fixture: &Fixture) -> Record {
    let kept = fixture.store.texts("select cast(record as char) from parked_records").await;
    assert_eq!(kept.len(), 1);
    serde_json::from_str(&kept[0]).unwrap()
}

async fn what_is_discarded_while_an_attempt_runs_stays_so(store: TestDb) {
    let fixture = decided(store, 1, discard).await;
    assert_eq!(fixture.parked().await, ["discarded 1"]);
}

async fn what_is_discarded_while_the_last_attempt_runs_gets_no_letter(store: TestDb) {
    let fixture = decided(store, 5, discard).await;
    assert_eq!(fixture.parked().await, ["discarded 1"]);
    assert_eq!(fixture.dead_letters().await, []);
}

async fn what_is_handed_in_again_while_an_attempt_runs_has_all_its_attempts(store: TestDb) {
    let fixture = decided(store, 1, redrive).await;
    assert_eq!(fixture.parked().await, ["retry 0"]);
}

async fn what_is_handed_in_again_while_the_last_attempt_runs_gets_no_letter(store: TestDb) {
    let fixture = decided(store, 5, redrive).await;
    assert_eq!(fixture.parked().await, ["retry 0"]);
    assert_eq!(fixture.dead_letters().await, []);
}

async fn what_an_erasure_takes_while_an_attempt_runs_does_not_come_back(store: TestDb) {
    let fixture = decided(store, 1, scrub).await;
    assert_eq!(fixture.parked().await, ["retry 2"]);
    assert_eq!(kept(&fixture).await, scrubbed(&record(2)));
}

async fn what_an_erasure_takes_while_the_last_attempt_runs_is_not_in_the_letter(store: TestDb) {
    let fixture = decided(store, 5, scrub).await;
    assert_eq!(fixture.parked().await, ["dead 6"]);
    assert_eq!(kept(&fixture).await, scrubbed(&record(2)));
    let letters = fixture.dead_letters().await;
    assert_eq!(letters.into_iter().map(|(original, _)| original).collect::<Vec<_>>(), [scrubbed(&record(2))]);
}

/// The effect is there, so nothing need be known of the record any more.
async fn what_succeeds_after_all_is_forgotten_whatever_was_decided(store: TestDb) {
    let fixture = decided(store, 1, async |fixture: &Fixture, tools| {
        redrive(fixture, tools).await;
        fixture.broken.lock().unwrap().clear();
    })
    .await;
    assert_eq!(fixture.parked().await, [""; 0]);
}

esteira_testkit::on_every_engine!(
    what_is_discarded_while_an_attempt_runs_stays_so,
    what_is_discarded_while_the_last_attempt_runs_gets_no_letter,
    what_is_handed_in_again_while_an_attempt_runs_has_all_its_attempts,
    what_is_handed_in_again_while_the_last_attempt_runs_gets_no_letter,
    what_an_erasure_takes_while_an_attempt_runs_does_not_come_back,
    what_an_erasure_takes_while_the_last_attempt_runs_is_not_in_the_letter,
    what_succeeds_after_all_is_forgotten_whatever_was_decided,
);
