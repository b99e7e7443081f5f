//! One suite of contract tests for every adapter of the port.
#![expect(clippy::unwrap_used, reason = "tests")]

mod engines;
mod filters;
mod guards;
mod models;
mod native;
mod paging;
mod sets;

/// Runs each test of a module once per adapter.
macro_rules! on_every_engine {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() { crate::engines::with_sqlite(super::$test).await; })+
        }
        mod mongo {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() { crate::engines::with_mongo(super::$test).await; })+
        }
    };
}
pub(crate) use on_every_engine;
