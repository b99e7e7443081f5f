//! What tests share: which engines there are, a database for each test, polling with a deadline, what is logged.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod database;
mod engine;
mod lines;
mod polling;

pub use database::{TestDb, with_mysql, with_sqlite};
pub use engine::engine;
pub use lines::Lines;
pub use polling::{DEADLINE, eventually};

/// Runs each test, an `async fn(TestDb)` of the calling module, once per write store, each time in a database of its own.
#[macro_export]
macro_rules! on_every_engine {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                $crate::with_sqlite(super::$test).await;
            })+
        }
        mod mysql {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                $crate::with_mysql(super::$test).await;
            })+
        }
    };
}

/// Runs each test on MySQL only: what SQLite has no counterpart for.
#[macro_export]
macro_rules! on_mysql {
    ($($test:ident),+ $(,)?) => {
        mod mysql_only {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                $crate::with_mysql(super::$test).await;
            })+
        }
    };
}
