//! What the engines' errors mean.

use std::path::Path;
use std::time::Duration;

use esteira_sql::{Db, Fault, MySqlSettings, fault, on};
use esteira_testkit::{TestDb, on_every_engine, on_mysql};
use sqlx::mysql::MySqlConnectOptions;

on_every_engine!(a_taken_key_is_unique_and_a_wrong_statement_is_refused);
on_mysql!(a_lock_that_took_too_long_is_a_lock_timeout, a_killed_connection_is_unavailable);

async fn a_taken_key_is_unique_and_a_wrong_statement_is_refused(test: TestDb) {
    test.execute("create table things (id bigint primary key)").await;
    let mut tx = test.db.begin().await.unwrap();
    for (sql, expected) in [
        ("insert into things values (1)", None),
        ("insert into things values (1)", Some(Fault::Unique)),
        ("insert into nothings values (1)", Some(Fault::Refused)),
    ] {
        let done = on!(&mut tx.conn(), c => sqlx::query(sql).execute(&mut *c).await.map(drop));
        assert_eq!(done.err().map(|error| fault(&error)), expected, "{sql}");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_named() {
    let directory = tempfile::tempdir().unwrap();
    // What no user may write, not even root.
    std::fs::create_dir(directory.path().join("store.db-wal")).unwrap();
    let error = Db::sqlite(&directory.path().join("store.db")).await.unwrap_err().to_string();
    assert!(error.contains("store.db-wal cannot be written: "), "{error}");
}

#[tokio::test]
async fn a_full_disk_is_unavailable_and_passes_when_there_is_room_again() {
    esteira_testkit::with_sqlite(async |test: TestDb| {
        test.execute("create table things (id integer primary key, text text)").await;
        // What a full disk is to SQLite; it belongs to the connection, as a full disk does not.
        test.execute("pragma max_page_count = 8").await;
        let mut tx = test.db.begin().await.unwrap();
        let mut full = None;
        for _ in 0..100 {
            let insert = "insert into things (text) values (hex(randomblob(2000)))";
            let done = on!(&mut tx.conn(), c => sqlx::query(insert).execute(&mut *c).await.map(drop));
            if let Err(error) = done {
                full = Some(error);
                break;
            }
        }
        assert_eq!(full.map(|error| fault(&error)), Some(Fault::Unavailable));
        let _ = tx.rollback().await;
        test.execute("insert into things (text) values ('again')").await;
        assert_eq!(test.int("select count(*) from things").await, 1);
    })
    .await;
}

async fn a_lock_that_took_too_long_is_a_lock_timeout(test: TestDb) {
    test.execute("create table things (id bigint primary key, version bigint)").await;
    test.execute("insert into things values (1, 1)").await;
    let change = "update things set version = version + 1 where id = 1";
    let mut first = test.db.begin().await.unwrap();
    on!(&mut first.conn(), c => sqlx::query(change).execute(&mut *c).await.map(drop)).unwrap();
    let mut second = test.db.begin().await.unwrap();
    let error =
        on!(&mut second.conn(), c => sqlx::query(change).execute(&mut *c).await.map(drop)).unwrap_err();
    assert_eq!(fault(&error), Fault::LockTimeout, "{error}");
}

async fn a_killed_connection_is_unavailable(test: TestDb) {
    let mut tx = test.db.begin().await.unwrap();
    let id: u64 =
        on!(&mut tx.conn(), c => sqlx::query_scalar("select connection_id()").fetch_one(&mut *c).await)
            .unwrap();
    test.execute(&format!("kill {id}")).await;
    let error = on!(&mut tx.conn(), c => sqlx::query("do 1").execute(&mut *c).await.map(drop)).unwrap_err();
    assert_eq!(fault(&error), Fault::Unavailable, "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let options = MySqlConnectOptions::new().host("127.0.0.1").port(1);
    let db = Db::mysql(MySqlSettings { options, connections: 1 });
    let error = tokio::time::timeout(Duration::from_secs(20), db.begin()).await.unwrap().unwrap_err();
    assert_eq!(fault(&error), Fault::Unavailable, "{error}");
    let error = Db::sqlite(Path::new("/proc/no/such.db")).await.unwrap_err();
    assert_eq!(fault(&error), Fault::Unavailable, "{error}");
}
