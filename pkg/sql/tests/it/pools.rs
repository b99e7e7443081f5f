//! How the pools wait.

use std::time::Duration;

use esteira_sql::{Db, on};
use esteira_testkit::{TestDb, on_every_engine, on_mysql};
use sqlx::{Database, Pool};

on_every_engine!(
    a_burst_that_waits_for_a_connection_is_no_warning_each,
    a_use_of_a_connection_costs_no_question_to_the_engine
);
on_mysql!(a_connection_that_was_lost_while_it_was_idle_is_replaced);

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

async fn a_use_of_a_connection_costs_no_question_to_the_engine(test: TestDb) {
    fn asks<D: Database>(pool: &Pool<D>) -> bool {
        pool.options().get_test_before_acquire()
    }
    let asks = match &test.db {
        Db::MySql(pool) => vec![asks(pool)],
        Db::Sqlite(file) => vec![asks(file.writer()), asks(file.readers())],
    };
    assert!(!asks.contains(&true), "{asks:?}");
}

async fn a_connection_that_was_lost_while_it_was_idle_is_replaced(test: TestDb) {
    let db = test.another().await;
    let before = connection_id(&db).await;
    test.execute(&format!("kill {before}")).await;
    // For as long as a connection is trusted.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_ne!(connection_id(&db).await, before);
}

async fn connection_id(db: &Db) -> u64 {
    let mut tx = db.begin().await.unwrap();
    let select = "select connection_id()";
    on!(&mut tx.conn(), c => sqlx::query_scalar(select).fetch_one(&mut *c).await).unwrap()
}
