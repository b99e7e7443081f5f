//! How the pools wait.

use std::time::Duration;

use esteira_sql::Db;
use esteira_testkit::{TestDb, on_every_engine};
use sqlx::{Database, Pool};

on_every_engine!(a_burst_that_waits_for_a_connection_is_no_warning_each);

async fn a_burst_that_waits_for_a_connection_is_no_warning_each(test: TestDb) {
    fn patience<D: Database>(pool: &Pool<D>) -> (Duration, Duration) {
        (pool.options().get_acquire_slow_threshold(), pool.options().get_acquire_timeout())
    }
    let pools = match &test.db {
        Db::MySql(pool) => vec![patience(pool)],
        Db::Sqlite(file) => vec![patience(file.writer()), patience(file.readers())],
    };
    for (slow, timeout) in pools {
        assert!(slow >= timeout, "{slow:?} of {timeout:?}");
    }
}
