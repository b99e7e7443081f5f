//! The projector on every views store, with an embedded log.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod claims;
mod dead_letters;
mod deletes;
mod events;
mod facets;
mod fixture;
mod gate;
mod history;
mod hooks;
mod oracle;
mod orders_of_arrival;
mod product_facets;
mod rebuild;
mod rebuild_races;
mod redrive;
mod restarts;
mod retries;
mod takeover;
mod unsequenced;
mod verify_log;

/// Runs each test of a module once per views store.
macro_rules! on_every_engine {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() { crate::fixture::with_sqlite(super::$test).await; })+
        }
        mod mongo {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() { crate::fixture::with_mongo(super::$test).await; })+
        }
    };
}
pub(crate) use on_every_engine;
