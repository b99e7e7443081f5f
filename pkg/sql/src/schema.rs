//! The schema as a declaration: what is missing is added, what is there is left alone.
//!
//! The Go services make and retype the same tables (GORM's AutoMigrate), at any moment, so numbered
//! migrations cannot know what they find. A table is created, a missing column or index is added, and
//! no column is ever retyped or dropped.

use std::collections::HashSet;

use sqlx::AssertSqlSafe;

use crate::{Conn, Db, Tx, on};

/// The tables of one service or package.
#[derive(Clone, Copy, Debug)]
pub struct Schema {
    /// Names the row that keeps the version.
    pub name: &'static str,
    /// Raised when an older program could no longer work with these tables.
    pub version: i64,
    pub tables: &'static [Table],
}

/// A table. The definitions of the columns are given for each engine.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    pub name: &'static str,
    pub columns: &'static [Column],
    /// The primary key where it is not part of a column's definition.
    pub primary_key: &'static str,
    pub indexes: &'static [Index],
}

/// A column and its definition on each engine.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub name: &'static str,
    pub mysql: &'static str,
    pub sqlite: &'static str,
}

/// Shorthand for a [`Column`].
pub const fn column(name: &'static str, mysql: &'static str, sqlite: &'static str) -> Column {
    Column { name, mysql, sqlite }
}

/// An index over `columns`, a comma-separated list. A text column has its indexed length in parentheses, less than the
/// column's, where MySQL has one: GORM may make it a LONGTEXT at any moment, which cannot be indexed whole.
#[derive(Clone, Copy, Debug)]
pub struct Index {
    pub name: &'static str,
    pub columns: &'static str,
    pub unique: bool,
}

/// Why the schema could not be brought up.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    #[error(
        "the database has version {found} of the {name} tables, and this program knows {known}: run a newer esteira"
    )]
    Newer { name: &'static str, found: i64, known: i64 },
    #[error("another program has held the migration lock for {0} s")]
    Locked(u32),
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
}

const LOCK: &str = "esteira_schema";
const LOCK_WAIT_SECONDS: u32 = 60;

/// Brings `schemas` up. Safe to run from many programs at once.
pub async fn migrate(db: &Db, schemas: &[Schema]) -> Result<(), SchemaError> {
    let mut tx = db.begin().await?;
    lock(&mut tx.conn()).await?;
    let result = apply(&mut tx, schemas).await;
    // The lock belongs to the session, so it must go even where a statement failed.
    let unlocked = unlock(&mut tx.conn()).await;
    result?;
    unlocked?;
    tx.commit().await?;
    Ok(())
}

/// The versions that the database has, by schema name; empty where none was ever brought up.
pub async fn versions(conn: &mut Conn<'_>) -> Result<Vec<(String, i64)>, sqlx::Error> {
    if table_columns(conn, "schema_versions").await?.is_empty() {
        return Ok(Vec::new());
    }
    on!(conn, c => sqlx::query_as("select name, version from schema_versions order by name").fetch_all(&mut *c).await)
}

async fn apply(tx: &mut Tx, schemas: &[Schema]) -> Result<(), SchemaError> {
    create(&mut tx.conn(), &VERSIONS).await?;
    for schema in schemas {
        let found: Option<i64> = on!(&mut tx.conn(), c => {
            sqlx::query_scalar("select version from schema_versions where name = ?").bind(schema.name).fetch_optional(&mut *c).await
        })?;
        if let Some(found) = found.filter(|found| *found > schema.version) {
            return Err(SchemaError::Newer { name: schema.name, found, known: schema.version });
        }
        for table in schema.tables {
            bring_up(&mut tx.conn(), table).await?;
        }
        if found != Some(schema.version) {
            on!(&mut tx.conn(), c => {
                sqlx::query("replace into schema_versions (name, version) values (?, ?)")
                    .bind(schema.name)
                    .bind(schema.version)
                    .execute(&mut *c)
                    .await
                    .map(drop)
            })?;
        }
    }
    Ok(())
}

const VERSIONS: Table = Table {
    name: "schema_versions",
    columns: &[
        column("name", "varchar(64) not null primary key", "text not null primary key"),
        column("version", "bigint not null", "integer not null"),
    ],
    primary_key: "",
    indexes: &[],
};

/// An ENUM takes none of the values that it does not list, so it becomes the text that GORM would make of it; nothing
/// else is ever retyped.
async fn widen(conn: &mut Conn<'_>, table: &str) -> Result<(), sqlx::Error> {
    let Conn::MySql(c) = conn else { return Ok(()) };
    let enums: Vec<(String, bool, Option<String>)> = sqlx::query_as(
        "select cast(column_name as char), is_nullable = 'YES', cast(column_default as char) from information_schema.columns \
         where table_schema = database() and table_name = ? and data_type = 'enum'",
    )
    .bind(table.to_owned())
    .fetch_all(&mut **c)
    .await?;
    for (name, nullable, default) in enums {
        let null = if nullable { "" } else { " not null" };
        // MariaDB tells a default with its quotes, MySQL without.
        let default = default.map(|text| text.trim_matches('\'').replace('\'', "''"));
        let default = default.filter(|text| text != "NULL").map(|text| format!(" default '{text}'"));
        let default = default.unwrap_or_default();
        execute(conn, format!("alter table {table} modify `{name}` varchar(191){null}{default}")).await?;
    }
    Ok(())
}

async fn bring_up(conn: &mut Conn<'_>, table: &Table) -> Result<(), sqlx::Error> {
    let present = table_columns(conn, table.name).await?;
    if present.is_empty() {
        create(conn, table).await?;
    } else {
        for missing in table.columns.iter().filter(|column| !present.contains(column.name)) {
            let definition = definition(conn, missing);
            execute(conn, format!("alter table {} add column {} {definition}", table.name, missing.name))
                .await?;
        }
        widen(conn, table.name).await?;
    }
    let indexes = table_indexes(conn, table.name).await?;
    for missing in table.indexes.iter().filter(|index| !indexes.contains(index.name)) {
        let unique = if missing.unique { "unique " } else { "" };
        let columns = index_columns(conn, missing);
        let sql = format!("create {unique}index {} on {} ({columns})", missing.name, table.name);
        execute(conn, sql).await?;
    }
    Ok(())
}

/// SQLite indexes every column whole.
fn index_columns(conn: &Conn<'_>, index: &Index) -> String {
    let name = |column: &'static str| column.split_once('(').map_or(column, |(name, _)| name);
    match conn {
        Conn::MySql(_) => index.columns.to_owned(),
        Conn::Sqlite(_) => index.columns.split(", ").map(name).collect::<Vec<_>>().join(", "),
    }
}

async fn create(conn: &mut Conn<'_>, table: &Table) -> Result<(), sqlx::Error> {
    let mut lines: Vec<String> =
        table.columns.iter().map(|column| format!("{} {}", column.name, definition(conn, column))).collect();
    if !table.primary_key.is_empty() {
        lines.push(format!("primary key ({})", table.primary_key));
    }
    let options = match conn {
        Conn::MySql(_) => " default charset utf8mb4",
        Conn::Sqlite(_) => "",
    };
    execute(conn, format!("create table if not exists {} ({}){options}", table.name, lines.join(", "))).await
}

fn definition(conn: &Conn<'_>, column: &Column) -> &'static str {
    match conn {
        Conn::MySql(_) => column.mysql,
        Conn::Sqlite(_) => column.sqlite,
    }
}

async fn table_columns(conn: &mut Conn<'_>, table: &str) -> Result<HashSet<String>, sqlx::Error> {
    names(
        conn,
        table,
        "select cast(column_name as char) from information_schema.columns where table_schema = database() and table_name = ?",
        "select name from pragma_table_info(?)",
    )
    .await
}

async fn table_indexes(conn: &mut Conn<'_>, table: &str) -> Result<HashSet<String>, sqlx::Error> {
    names(
        conn,
        table,
        "select distinct cast(index_name as char) from information_schema.statistics where table_schema = database() and table_name = ?",
        "select name from pragma_index_list(?)",
    )
    .await
}

async fn names(
    conn: &mut Conn<'_>,
    table: &str,
    mysql: &'static str,
    sqlite: &'static str,
) -> Result<HashSet<String>, sqlx::Error> {
    let names: Vec<String> = match conn {
        Conn::MySql(c) => sqlx::query_scalar(mysql).bind(table.to_owned()).fetch_all(&mut **c).await?,
        Conn::Sqlite(c) => sqlx::query_scalar(sqlite).bind(table.to_owned()).fetch_all(&mut **c).await?,
    };
    Ok(names.into_iter().collect())
}

async fn execute(conn: &mut Conn<'_>, sql: String) -> Result<(), sqlx::Error> {
    on!(conn, c => sqlx::query(AssertSqlSafe(sql)).execute(&mut *c).await.map(drop))
}

async fn lock(conn: &mut Conn<'_>) -> Result<(), SchemaError> {
    let Conn::MySql(c) = conn else { return Ok(()) };
    let held: Option<i64> = sqlx::query_scalar("select get_lock(concat(?, database()), ?)")
        .bind(LOCK)
        .bind(LOCK_WAIT_SECONDS)
        .fetch_one(&mut **c)
        .await?;
    if held == Some(1) { Ok(()) } else { Err(SchemaError::Locked(LOCK_WAIT_SECONDS)) }
}

async fn unlock(conn: &mut Conn<'_>) -> Result<(), sqlx::Error> {
    let Conn::MySql(c) = conn else { return Ok(()) };
    sqlx::query("do release_lock(concat(?, database()))").bind(LOCK).execute(&mut **c).await.map(drop)
}
