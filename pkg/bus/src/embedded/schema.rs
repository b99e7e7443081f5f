//! The tables of the log.

use esteira_sql::sqlite::SqliteFile;

const TABLES: [&str; 4] = [
    "create table if not exists topics (
        id integer primary key autoincrement,
        name text not null unique,
        partitions integer not null,
        max_bytes integer not null
    )",
    "create table if not exists records (
        topic_id integer not null,
        partition integer not null,
        offset integer not null,
        timestamp_ms integer not null,
        key blob,
        value blob,
        headers text,
        primary key (topic_id, partition, offset)
    ) without rowid",
    "create table if not exists starts (
        topic_id integer not null,
        partition integer not null,
        start integer not null,
        primary key (topic_id, partition)
    ) without rowid",
    "create table if not exists offsets (
        group_name text not null,
        topic_id integer not null,
        partition integer not null,
        next integer not null,
        primary key (group_name, topic_id, partition)
    ) without rowid",
];

pub(super) async fn create(file: &SqliteFile) -> Result<(), sqlx::Error> {
    for table in TABLES {
        sqlx::query(table).execute(file.writer()).await?;
    }
    Ok(())
}
