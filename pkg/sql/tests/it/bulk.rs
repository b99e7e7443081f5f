//! Statements over many rows.

use esteira_sql::bulk::{InsertedIds, Update, chunks};
use esteira_sql::{Money, Timestamp, on};
use esteira_testkit::{TestDb, on_every_engine};
use sqlx::QueryBuilder;

on_every_engine!(
    every_row_gets_values_of_its_own,
    a_stale_row_is_left_out_and_shows_in_the_count,
    an_update_to_the_same_values_counts_too,
    inserted_rows_have_the_ids_that_they_are_said_to_have,
);

struct Thing {
    id: i64,
    name: String,
    price: Money,
    at: Timestamp,
    version: i64,
}

fn thing(id: i64, name: &str, cents: i64, version: i64) -> Thing {
    let at = Timestamp::from_millis(1_795_351_380_990 + id).unwrap();
    Thing { id, name: name.to_owned(), price: Money::from_cents(cents).unwrap(), at, version }
}

async fn prepare(test: &TestDb) {
    if test.mysql_options().is_some() {
        test.execute("create table things (id bigint primary key auto_increment, name longtext, price double, at datetime(3), version bigint)").await;
    } else {
        test.execute("create table things (id integer primary key autoincrement, name text, price integer, at text, version integer)").await;
    }
}

async fn insert(test: &TestDb, names: &[String]) -> Vec<i64> {
    let mut tx = test.db.begin().await.unwrap();
    let mut ids = Vec::new();
    for chunk in chunks(names) {
        ids.extend(
            on!(&mut tx.conn(), c => {
                let mut query = QueryBuilder::new("insert into things (name, version) ");
                query.push_values(chunk, |mut row, name| { row.push_bind(name.clone()).push_bind(1_i64); });
                query.build().execute(&mut *c).await.map(|done| done.inserted_ids(chunk.len()))
            })
            .unwrap(),
        );
    }
    tx.commit().await.unwrap();
    ids
}

/// Updates each thing from the version before its own.
async fn update(test: &TestDb, things: &[Thing]) -> u64 {
    let mut tx = test.db.begin().await.unwrap();
    let written = on!(&mut tx.conn(), c => {
        Update::new("things", things, |thing| thing.id)
            .set("name", |thing| thing.name.clone())
            .set("price", |thing| thing.price)
            .set("at", |thing| thing.at)
            .set("version", |thing| thing.version)
            .guarded(|thing| thing.version - 1)
            .build()
            .execute(&mut *c)
            .await
            .map(|done| done.rows_affected())
    })
    .unwrap();
    tx.commit().await.unwrap();
    written
}

async fn stored(test: &TestDb) -> Vec<(i64, String, Option<Money>, Option<Timestamp>, i64)> {
    let mut reader = test.db.read().await.unwrap();
    on!(&mut reader.conn(), c => {
        sqlx::query_as("select id, name, price, at, version from things order by id").fetch_all(&mut *c).await
    })
    .unwrap()
}

async fn every_row_gets_values_of_its_own(test: TestDb) {
    prepare(&test).await;
    insert(&test, &["a".into(), "b".into(), "c".into()]).await;
    let things = [thing(1, "A'; --", 8_990, 2), thing(3, "Ç ✓", 1, 2)];
    assert_eq!(update(&test, &things).await, 2);
    let [one, two, three] = stored(&test).await.try_into().unwrap();
    assert_eq!(one, (1, "A'; --".to_owned(), Some(things[0].price), Some(things[0].at), 2));
    assert_eq!(two, (2, "b".to_owned(), None, None, 1));
    assert_eq!(three, (3, "Ç ✓".to_owned(), Some(things[1].price), Some(things[1].at), 2));
}

async fn a_stale_row_is_left_out_and_shows_in_the_count(test: TestDb) {
    prepare(&test).await;
    insert(&test, &["a".into(), "b".into()]).await;
    assert_eq!(update(&test, &[thing(1, "A", 1, 2), thing(2, "B", 1, 7)]).await, 1);
    let rows = stored(&test).await;
    assert_eq!((rows[0].1.as_str(), rows[0].4), ("A", 2));
    assert_eq!((rows[1].1.as_str(), rows[1].4), ("b", 1));
}

/// MySQL counts the rows that a statement changed unless it is asked for those that it found.
async fn an_update_to_the_same_values_counts_too(test: TestDb) {
    prepare(&test).await;
    insert(&test, &["a".into()]).await;
    for _ in 0..2 {
        let mut tx = test.db.begin().await.unwrap();
        let written = on!(&mut tx.conn(), c => {
            Update::new("things", &[thing(1, "a", 1, 1)], |thing| thing.id)
                .set("name", |thing| thing.name.clone())
                .guarded(|thing| thing.version)
                .build()
                .execute(&mut *c)
                .await
                .map(|done| done.rows_affected())
        });
        assert_eq!(written.unwrap(), 1);
        tx.commit().await.unwrap();
    }
}

/// Also while others insert, whose ids lie between those of two statements but never within one.
async fn inserted_rows_have_the_ids_that_they_are_said_to_have(test: TestDb) {
    prepare(&test).await;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..4 {
        let test = test.clone();
        writers.spawn(async move {
            for round in 0..5 {
                let names: Vec<String> = (0..100).map(|n| format!("{writer}/{round}/{n}")).collect();
                let ids = insert(&test, &names).await;
                for (id, name) in ids.iter().zip(names).step_by(13) {
                    assert_eq!(test.texts(&format!("select name from things where id = {id}")).await, [name]);
                }
            }
        });
    }
    writers.join_all().await;
}
