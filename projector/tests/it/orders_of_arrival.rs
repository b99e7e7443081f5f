//! Whatever the order, the duplicates and the batches: the same views.

use std::sync::Arc;

use esteira_bus::{Handler, Record};
use esteira_events::Event;
use esteira_projector::Projector;
use esteira_views::{ALL_COLLECTIONS, PARKED};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::events::record;
use crate::fixture::{Fixture, with_mongo, with_sqlite};
use crate::history::{Step, steps, written};
use crate::oracle::{expected, shown};

/// How the events of a history reach the projectors.
#[derive(Clone, Debug)]
struct Arrival {
    steps: Vec<Step>,
    /// One number an event: its rank in the shuffle, whether it comes twice, and to which projector.
    lots: Vec<u32>,
    batch: usize,
}

fn arrivals() -> impl Strategy<Value = Arrival> {
    (steps(), prop::collection::vec(any::<u32>(), 64), 1..12_usize).prop_map(|(steps, lots, batch)| Arrival {
        steps,
        lots,
        batch,
    })
}

impl Arrival {
    /// The shuffled events, duplicates included, dealt out to two.
    fn dealt(&self, history: &[Event]) -> [Vec<Record>; 2] {
        // Odd, so that every turn through the lots is another permutation.
        let turn = |place: usize| u32::try_from(place / self.lots.len() * 2 + 1).unwrap();
        let lot = |place: usize| self.lots[place % self.lots.len()].wrapping_mul(turn(place));
        let mut drawn: Vec<(u32, usize)> = Vec::new();
        for place in 0..history.len() {
            drawn.push((lot(place), place));
            if lot(place) % 3 == 0 {
                drawn.push((lot(place).wrapping_mul(2_654_435_761), place));
            }
        }
        drawn.sort_unstable();
        let mut dealt = [Vec::new(), Vec::new()];
        for (lot, place) in drawn {
            dealt[(lot / 7 % 2) as usize].push(record(&history[place]));
        }
        dealt
    }
}

async fn take(projector: Arc<Projector>, records: Vec<Record>, batch: usize) {
    for records in records.chunks(batch) {
        projector.handle(records).await.unwrap();
    }
}

async fn arrives(fixture: &Fixture, arrival: &Arrival, workers: usize) -> Result<(), TestCaseError> {
    for collection in ALL_COLLECTIONS {
        fixture.views.delete_where(collection, &[]).await.unwrap();
    }
    let history = written(&arrival.steps);
    let [mut first, second] = arrival.dealt(&history);
    if workers == 2 {
        // Tasks of their own, so that they run at the same time.
        let first = tokio::spawn(take(fixture.projector(), first, arrival.batch));
        let second = tokio::spawn(take(fixture.projector(), second, arrival.batch));
        first.await.unwrap();
        second.await.unwrap();
    } else {
        first.extend(second);
        take(fixture.projector(), first, arrival.batch).await;
    }
    // No sweep yet: every event was woken by the one before it.
    prop_assert_eq!(shown(fixture).await, expected(&history));
    fixture.sweep().await;
    prop_assert_eq!(fixture.all(&PARKED).await, []);
    prop_assert_eq!(shown(fixture).await, expected(&history));
    Ok(())
}

/// The histories of one run share a store, which is emptied in between. `PROPTEST_CASES` asks for another number of them.
async fn check(fixture: Fixture, cases: u32, workers: usize) {
    let cases = std::env::var("PROPTEST_CASES").map_or(cases, |cases| cases.parse().unwrap());
    let runtime = tokio::runtime::Handle::current();
    let run = move || {
        let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
        runner.run(&arrivals(), |arrival| runtime.block_on(arrives(&fixture, &arrival, workers)))
    };
    tokio::task::spawn_blocking(run).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_order_of_arrival_gives_the_same_views_in_sqlite() {
    with_sqlite(|fixture| check(fixture, 96, 1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_order_of_arrival_at_two_projectors_gives_the_same_views_in_sqlite() {
    with_sqlite(|fixture| check(fixture, 96, 2)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_order_of_arrival_gives_the_same_views_in_mongo() {
    with_mongo(|fixture| check(fixture, 12, 1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_order_of_arrival_at_two_projectors_gives_the_same_views_in_mongo() {
    with_mongo(|fixture| check(fixture, 24, 2)).await;
}
