//! An outage pauses: nothing is parked, nothing is a dead letter, nothing is lost.

use std::sync::Arc;

use esteira_bus::{EmbeddedLog, Handler, Log};
use esteira_testkit::TestDb;

use crate::fixture::{Fixture, garbage, record};

async fn while_the_store_is_away_nothing_is_parked(store: TestDb) {
    let fixture = Fixture::new(store).await;
    fixture.broken.lock().unwrap().insert(2);
    let away = fixture.store.another().await;
    let reactions = fixture.reactions_on(&away, &away, Arc::clone(&fixture.log) as Arc<dyn Log>);
    away.close().await;
    for _ in 0..20 {
        reactions.handle(&[record(1), record(2), garbage(7)]).await.unwrap_err();
        reactions.tick().await.unwrap_err();
    }
    assert_eq!(fixture.parked().await, [""; 0]);
    assert_eq!(fixture.dead_letters().await, []);
    fixture.reactions().handle(&[record(1), record(2), garbage(7)]).await.unwrap();
    assert_eq!(fixture.notes().await, [1]);
    assert_eq!(fixture.parked().await, ["retry 1", "dead 1"]);
}

/// The retry store could take them, but that the store is away says nothing of the events.
async fn while_no_command_can_be_done_nothing_is_parked(store: TestDb) {
    let fixture = Fixture::new(store).await;
    let away = fixture.store.another().await;
    let log = Arc::clone(&fixture.log) as Arc<dyn Log>;
    let reactions = fixture.reactions_on(&away, &fixture.store.db, log);
    away.close().await;
    for _ in 0..20 {
        reactions.handle(&[record(1), record(2)]).await.unwrap_err();
        reactions.tick().await.unwrap();
    }
    assert_eq!(fixture.parked().await, [""; 0]);
    fixture.reactions().handle(&[record(1), record(2)]).await.unwrap();
    assert_eq!(fixture.notes().await, [1, 2]);
}

/// The batch comes again for as long as the queue cannot be written, and what failed in it is not tried to death.
async fn while_the_dead_letter_queue_cannot_be_written_nothing_goes_on(store: TestDb) {
    let fixture = Fixture::new(store).await;
    fixture.broken.lock().unwrap().insert(2);
    let directory = tempfile::tempdir().unwrap();
    let without_queues = Arc::new(EmbeddedLog::open(&directory.path().join("log.db")).await.unwrap());
    let reactions = fixture.reactions_on(&fixture.store.db, &fixture.store.db, without_queues);
    let batch = [record(1), record(2), garbage(7), record(3)];
    for _ in 0..10 {
        reactions.handle(&batch).await.unwrap_err();
    }
    assert_eq!(fixture.parked().await, ["retry 1"]);
    assert_eq!(fixture.dead_letters().await, []);
    fixture.reactions().handle(&batch).await.unwrap();
    assert_eq!(fixture.parked().await, ["retry 1", "dead 1"]);
    assert_eq!(fixture.notes().await, [1, 3]);
    assert_eq!(fixture.dead_letters().await.len(), 1);
}

esteira_testkit::on_every_engine!(
    while_the_store_is_away_nothing_is_parked,
    while_no_command_can_be_done_nothing_is_parked,
    while_the_dead_letter_queue_cannot_be_written_nothing_goes_on,
);
