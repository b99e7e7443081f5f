//! Bringing a schema up: fresh, again, together, beside tables that others made.

use esteira_sql::schema::{Index, Schema, SchemaError, Table, column, migrate, versions};
use esteira_testkit::{TestDb, on_every_engine, on_mysql};

on_every_engine!(
    migrating_again_changes_nothing,
    eight_programs_may_migrate_at_once,
    a_newer_database_stops_the_start,
    a_failed_migration_lets_the_next_one_in,
    a_missing_column_and_index_are_added_and_rows_stay,
);
on_mysql!(
    a_column_that_gorm_retyped_to_longtext_is_indexed,
    gorm_may_retype_an_indexed_column_to_longtext,
    an_enum_becomes_text_that_takes_every_value,
);

const THINGS: Table = Table {
    name: "things",
    columns: &[
        column("id", "bigint not null auto_increment primary key", "integer primary key autoincrement"),
        column("kind", "varchar(64)", "text"),
        column("sequence", "bigint", "integer"),
        column("version", "bigint not null default 1", "integer not null default 1"),
    ],
    primary_key: "",
    indexes: &[Index { name: "things_kind_sequence", columns: "kind(32), sequence", unique: true }],
};

fn schema(version: i64) -> Schema {
    Schema { name: "things", version, tables: &[THINGS] }
}

async fn known_versions(test: &TestDb) -> Vec<(String, i64)> {
    versions(&mut test.db.read().await.unwrap().conn()).await.unwrap()
}

async fn migrating_again_changes_nothing(test: TestDb) {
    assert_eq!(known_versions(&test).await, []);
    migrate(&test.db, &[schema(1)]).await.unwrap();
    test.execute("insert into things (kind, sequence) values ('a', 1)").await;
    migrate(&test.db, &[schema(1)]).await.unwrap();
    migrate(&test.db, &[schema(2)]).await.unwrap();
    assert_eq!(known_versions(&test).await, [("things".to_owned(), 2)]);
    assert_eq!(test.ints("select version from things").await, [1]);
}

async fn eight_programs_may_migrate_at_once(test: TestDb) {
    let mut programs = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let db = test.another().await;
        programs.spawn(async move { migrate(&db, &[schema(1)]).await });
    }
    for outcome in programs.join_all().await {
        outcome.unwrap();
    }
    test.execute("insert into things (kind, sequence) values ('a', 1)").await;
    assert_eq!(known_versions(&test).await, [("things".to_owned(), 1)]);
}

async fn a_newer_database_stops_the_start(test: TestDb) {
    migrate(&test.db, &[schema(3)]).await.unwrap();
    let error = migrate(&test.db, &[schema(2)]).await.unwrap_err();
    assert!(matches!(error, SchemaError::Newer { name: "things", found: 3, known: 2 }), "{error}");
    assert!(error.to_string().contains("run a newer esteira"), "{error}");
    assert_eq!(known_versions(&test).await, [("things".to_owned(), 3)]);
}

async fn a_failed_migration_lets_the_next_one_in(test: TestDb) {
    const BROKEN: Schema = Schema {
        name: "broken",
        version: 1,
        tables: &[Table {
            name: "broken",
            columns: &[column("id", "no such type", "integer default (")],
            primary_key: "",
            indexes: &[],
        }],
    };
    let error = migrate(&test.db, &[BROKEN]).await.unwrap_err();
    assert!(matches!(error, SchemaError::Sql(_)), "{error}");
    // From other connections: a lock that was left behind would hold them up for a minute.
    migrate(&test.another().await, &[schema(1)]).await.unwrap();
}

async fn a_missing_column_and_index_are_added_and_rows_stay(test: TestDb) {
    test.execute("create table things (id bigint primary key, kind varchar(64), sequence bigint)").await;
    test.execute("insert into things (id, kind, sequence) values (7, 'a', 1)").await;
    migrate(&test.db, &[schema(1)]).await.unwrap();
    assert_eq!(test.ints("select version from things where id = 7").await, [1]);
    let mut tx = test.db.begin().await.unwrap();
    let again = esteira_sql::on!(&mut tx.conn(), c => {
        sqlx::query("insert into things (id, kind, sequence) values (8, 'a', 1)").execute(&mut *c).await.map(drop)
    });
    assert!(again.unwrap_err().as_database_error().unwrap().is_unique_violation());
}

/// `AutoMigrate` makes every string without a size a LONGTEXT, which cannot be indexed whole.
async fn a_column_that_gorm_retyped_to_longtext_is_indexed(test: TestDb) {
    test.execute("create table things (id bigint unsigned primary key auto_increment, kind longtext)").await;
    migrate(&test.db, &[schema(1)]).await.unwrap();
    test.execute("insert into things (kind, sequence) values ('a', 1)").await;
}

/// A Go service that starts after us retypes our columns, and must not fail at our indexes.
async fn an_enum_becomes_text_that_takes_every_value(test: TestDb) {
    test.execute(
        "create table things (id bigint primary key, status enum('OLD','IT''S') not null default 'IT''S')",
    )
    .await;
    test.execute("insert into things (id, status) values (1, 'OLD')").await;
    test.migrate(&[schema(1)]).await;
    test.execute("insert into things (id) values (2)").await;
    test.execute("update things set status = 'NEW' where id = 1").await;
    assert_eq!(test.texts("select status from things order by id").await, ["NEW", "IT'S"]);
    assert_eq!(test.texts("select cast(is_nullable as char) from information_schema.columns where table_schema = database() and column_name = 'status'").await, ["NO"]);
}

async fn gorm_may_retype_an_indexed_column_to_longtext(test: TestDb) {
    migrate(&test.db, &[schema(1)]).await.unwrap();
    test.execute("alter table things modify column kind longtext").await;
    migrate(&test.db, &[schema(1)]).await.unwrap();
    let kind = "select cast(data_type as char) from information_schema.columns \
                where table_schema = database() and table_name = 'things' and column_name = 'kind'";
    assert_eq!(test.texts(kind).await, ["longtext"]);
}
