//! Money, times and ids in every column type that they may meet.

use chrono::{DateTime, Utc};
use esteira_sql::{Money, Timestamp, on, sql_id};
use esteira_testkit::{TestDb, on_every_engine, on_mysql};
use sqlx::AssertSqlSafe;

on_every_engine!(
    money_times_and_ids_come_back_as_they_were,
    times_sort_as_they_are_stored,
    the_clock_of_the_store_is_in_milliseconds,
);
on_mysql!(columns_that_gorm_retyped_are_read_and_written);

sql_id!(
    /// Identifies a row of these tests.
    RowId
);

fn amounts() -> Vec<Money> {
    let cents = [0, 1, 10, 99, 100, 8_990, 367_980, 9_999_999_999, -1, -8_990, -9_999_999_999, 1_000_029];
    cents.into_iter().map(|cents| Money::from_cents(cents).unwrap()).collect()
}

fn time(text: &str) -> Timestamp {
    text.parse::<DateTime<Utc>>().unwrap().into()
}

fn times() -> [Timestamp; 4] {
    [
        time("2026-11-22T12:43:00.990Z"),
        time("1999-12-31T23:59:59.999Z"),
        time("2037-01-01T00:00:00Z"),
        time("2026-03-29T01:30:00.001Z"),
    ]
}

/// Writes every pair of an amount and a time, and reads it back.
async fn round_trip(test: &TestDb, table: &str) {
    let mut tx = test.db.begin().await.unwrap();
    for ((id, amount), at) in (1..).zip(amounts()).zip(times().into_iter().cycle()) {
        on!(&mut tx.conn(), c => {
            sqlx::query(AssertSqlSafe(format!("insert into {table} (id, amount, made_at) values (?, ?, ?)")))
                .bind(RowId(id)).bind(amount).bind(at).execute(&mut *c).await.map(drop)
        })
        .unwrap();
        let found: (RowId, Money, Timestamp, Option<Timestamp>) = on!(&mut tx.conn(), c => {
            sqlx::query_as(AssertSqlSafe(format!("select id, amount, made_at, gone_at from {table} where id = ?")))
                .bind(RowId(id)).fetch_one(&mut *c).await
        })
        .unwrap();
        assert_eq!(found, (RowId(id), amount, at, None), "{table}");
    }
    tx.commit().await.unwrap();
}

async fn money_times_and_ids_come_back_as_they_were(test: TestDb) {
    if test.mysql_options().is_some() {
        test.execute("create table things (id bigint primary key, amount decimal(10,2), made_at datetime(3), gone_at datetime(3))").await;
    } else {
        test.execute(
            "create table things (id integer primary key, amount integer, made_at text, gone_at text)",
        )
        .await;
    }
    round_trip(&test, "things").await;
}

async fn columns_that_gorm_retyped_are_read_and_written(test: TestDb) {
    let columns = [
        ("bigint", "decimal(10,2)", "datetime(3)"),
        ("bigint unsigned", "double", "datetime(3)"),
        ("int unsigned", "double", "timestamp(3)"),
        ("int", "decimal(12,4)", "datetime(6)"),
    ];
    for (number, (id, amount, at)) in columns.into_iter().enumerate() {
        test.execute(&format!(
            "create table t{number} (id {id} primary key, amount {amount}, made_at {at} null, gone_at {at} null)"
        ))
        .await;
        round_trip(&test, &format!("t{number}")).await;
    }
    // Go computes in doubles: what it left is read as the nearest amount, and whole numbers as they are.
    test.execute("insert into t1 (id, amount, made_at) values (100, 0.1e0 + 0.2e0, now(3))").await;
    let mut reader = test.db.read().await.unwrap();
    let money: Vec<Money> = on!(&mut reader.conn(), c => {
        sqlx::query_scalar("select amount from t1 where id = 100 union all select 7").fetch_all(&mut *c).await
    })
    .unwrap();
    assert_eq!(money, [Money::from_cents(30).unwrap(), Money::from_cents(700).unwrap()]);
}

async fn times_sort_as_they_are_stored(test: TestDb) {
    let kind = if test.mysql_options().is_some() { "datetime(3)" } else { "text" };
    test.execute(&format!("create table things (made_at {kind})")).await;
    let mut tx = test.db.begin().await.unwrap();
    for at in times() {
        on!(&mut tx.conn(), c => sqlx::query("insert into things values (?)").bind(at).execute(&mut *c).await.map(drop))
            .unwrap();
    }
    let sorted: Vec<Timestamp> = on!(&mut tx.conn(), c => {
        sqlx::query_scalar("select made_at from things where made_at < ? order by made_at")
            .bind(times()[2])
            .fetch_all(&mut *c)
            .await
    })
    .unwrap();
    assert_eq!(sorted, [times()[1], times()[3], times()[0]]);
}

async fn the_clock_of_the_store_is_in_milliseconds(test: TestDb) {
    let mut reader = test.db.read().await.unwrap();
    let now = reader.conn().now_ms();
    let stored: i64 = on!(&mut reader.conn(), c => {
        sqlx::query_scalar(AssertSqlSafe(format!("select {now}"))).fetch_one(&mut *c).await
    })
    .unwrap();
    assert!((Timestamp::now().as_millis() - stored).abs() < 10_000, "{stored}");
}
