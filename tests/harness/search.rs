//! Looking for a text in every store, whatever the tables, topics and collections are.

use std::collections::BTreeSet;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use esteira_sql::{Conn, Db, on};
use futures::TryStreamExt;
use mongodb::bson::Document;
use sqlx::AssertSqlSafe;

use super::platform::{Engines, Platform};

/// The places that have one of `texts`, also as base64: tables, topics, collections, files and logs.
pub async fn places(platform: &Platform, texts: &[&str]) -> BTreeSet<String> {
    let needles: Vec<Vec<u8>> = texts.iter().flat_map(|text| forms(text)).collect();
    let mut found = BTreeSet::new();
    found.extend(in_logs(platform, &needles));
    match &platform.engines {
        Engines::Files(data) => {
            for file in ["store.db", "log.db", "views.db"] {
                let db = Db::sqlite(&data.join(file)).await.unwrap();
                found.extend(
                    in_tables(&db, &needles).await.into_iter().map(|table| format!("{file}: {table}")),
                );
                db.close().await;
            }
            // Last, for a search changes the files' logs.
            found.extend(in_files(data, &needles));
        }
        Engines::Servers { db, mongo_uri, .. } => {
            found.extend(in_tables(db, &needles).await);
            found.extend(in_topics(platform, &needles).await);
            found.extend(in_collections(mongo_uri, &needles).await);
        }
    }
    found
}

/// The text itself, and what is certain of its base64 wherever it begins.
fn forms(text: &str) -> Vec<Vec<u8>> {
    let encoded = |shift: usize| {
        let padded = [vec![b' '; shift], text.as_bytes().to_vec()].concat();
        let whole = STANDARD.encode(&padded).into_bytes();
        let (first, last) = ([0, 2, 3][shift], padded.len() / 3 * 4);
        whole[first..last].to_vec()
    };
    std::iter::once(text.as_bytes().to_vec()).chain((0..3).map(encoded)).collect()
}

fn has(bytes: &[u8], needles: &[Vec<u8>]) -> bool {
    needles.iter().any(|needle| bytes.windows(needle.len()).any(|part| part == needle.as_slice()))
}

fn in_logs(platform: &Platform, needles: &[Vec<u8>]) -> Vec<String> {
    let has_any = |path: &std::path::PathBuf| has(&std::fs::read(path).unwrap(), needles);
    platform.logs().into_iter().filter(has_any).map(|path| path.display().to_string()).collect()
}

fn in_files(data: &std::path::Path, needles: &[Vec<u8>]) -> Vec<String> {
    let files = std::fs::read_dir(data).unwrap().map(|file| file.unwrap().path());
    // Another process reads them: closing a file would take this one's locks on it, which are SQLite's.
    let read = |path: &std::path::PathBuf| Command::new("cat").arg(path).output().unwrap().stdout;
    let found = files.filter(|path| has(&read(path), needles));
    found.map(|path| format!("file {}", path.file_name().unwrap().display())).collect()
}

/// Every column of every table, byte for byte.
async fn in_tables(db: &Db, needles: &[Vec<u8>]) -> BTreeSet<String> {
    let mut reader = db.read().await.unwrap();
    let mut conn = reader.conn();
    let (columns, bytes) = match &conn {
        Conn::MySql(_) => (
            "select cast(table_name as char), cast(column_name as char) from information_schema.columns where table_schema = database()",
            "binary",
        ),
        Conn::Sqlite(_) => (
            "select m.name, c.name from sqlite_master m join pragma_table_info(m.name) c where m.type = 'table'",
            "blob",
        ),
    };
    let columns: Vec<(String, String)> =
        on!(&mut conn, c => sqlx::query_as(columns).fetch_all(&mut *c).await).unwrap();
    let mut found = BTreeSet::new();
    for (table, column) in columns {
        for needle in needles {
            let sql =
                format!("select count(*) from `{table}` where instr(cast(`{column}` as {bytes}), ?) > 0");
            let count: i64 = on!(&mut conn, c => {
                sqlx::query_scalar(AssertSqlSafe(sql.clone())).bind(needle.clone()).fetch_one(&mut *c).await
            })
            .unwrap();
            if count > 0 {
                found.insert(table.clone());
            }
        }
    }
    found
}

async fn in_topics(platform: &Platform, needles: &[Vec<u8>]) -> BTreeSet<String> {
    let log = platform.log().await;
    let mut found = BTreeSet::new();
    for topic in log.describe().await.unwrap().topics {
        let Some(name) = topic.name.strip_prefix(&platform.topic_prefix) else { continue };
        for partition in 0..topic.partitions {
            let mut next = 0;
            loop {
                let page = log.read(&topic.name, partition, next, 1_000).await.unwrap();
                let Some(last) = page.last() else { break };
                next = last.offset + 1;
                let bytes = page.iter().any(|record| {
                    let headers = record.headers.iter().filter_map(|header| header.value.as_deref());
                    let parts =
                        record.key.as_deref().into_iter().chain(record.value.as_deref()).chain(headers);
                    parts.into_iter().any(|part| has(part, needles))
                });
                if bytes {
                    found.insert(name.to_owned());
                }
            }
        }
    }
    found
}

async fn in_collections(uri: &str, needles: &[Vec<u8>]) -> BTreeSet<String> {
    let client = mongodb::Client::with_uri_str(uri).await.unwrap();
    let database = client.default_database().unwrap();
    let mut found = BTreeSet::new();
    for name in database.list_collection_names().await.unwrap() {
        let documents = database.collection::<Document>(&name).find(Document::new()).await.unwrap();
        let documents: Vec<Document> = documents.try_collect().await.unwrap();
        if documents.iter().any(|document| has(document.to_string().as_bytes(), needles)) {
            found.insert(name);
        }
    }
    found
}
