//! A database for each test, which goes with it.

use std::path::PathBuf;

use esteira_config::{MysqlAddress, MysqlDsn};
use esteira_sql::schema::{Schema, migrate};
use esteira_sql::{Db, MySqlSettings, on};
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};

use crate::engine;

const CONNECTIONS: u32 = 10;

/// An empty database that no other test uses.
#[derive(Clone, Debug)]
pub struct TestDb {
    pub db: Db,
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    File(PathBuf),
    Server(Box<MySqlConnectOptions>),
}

impl TestDb {
    /// How to reach this database, where it is in a MySQL server.
    pub fn mysql_options(&self) -> Option<&MySqlConnectOptions> {
        match &self.place {
            Place::File(_) => None,
            Place::Server(options) => Some(options),
        }
    }

    /// Further connections to the same database, as another process has them.
    pub async fn another(&self) -> Db {
        match &self.place {
            Place::File(path) => Db::sqlite(path).await.unwrap(),
            Place::Server(options) => mysql((**options).clone()),
        }
    }

    pub async fn migrate(&self, schemas: &[Schema]) {
        migrate(&self.db, schemas).await.unwrap();
    }

    /// Runs one statement and commits it.
    pub async fn execute(&self, sql: &str) {
        let mut tx = self.db.begin().await.unwrap();
        on!(&mut tx.conn(), c => sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut *c).await.map(drop))
            .unwrap();
        tx.commit().await.unwrap();
    }

    /// The one column of a query, as integers.
    pub async fn ints(&self, sql: &str) -> Vec<i64> {
        let mut reader = self.db.read().await.unwrap();
        on!(&mut reader.conn(), c => sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_all(&mut *c).await)
            .unwrap()
    }

    /// The one number that a query answers.
    pub async fn int(&self, sql: &str) -> i64 {
        self.ints(sql).await[0]
    }

    /// The one column of a query, as texts.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        let mut reader = self.db.read().await.unwrap();
        on!(&mut reader.conn(), c => sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_all(&mut *c).await)
            .unwrap()
    }
}

/// Runs `test` with a SQLite file.
pub async fn with_sqlite<F: Future<Output = ()>>(test: impl FnOnce(TestDb) -> F) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    let db = Db::sqlite(&path).await.unwrap();
    test(TestDb { db: db.clone(), place: Place::File(path) }).await;
    db.close().await;
}

/// Runs `test` with a database of the server at `MYSQL_DSN`, which is dropped also when the test fails.
pub async fn with_mysql<F>(test: impl FnOnce(TestDb) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let Some(dsn) = engine("MySQL", "MYSQL_DSN") else { return };
    let server = options(&MysqlDsn::parse(&dsn).unwrap());
    let name = format!("esteira_test_{}", uuid::Uuid::now_v7().simple());
    run(&server, format!("create database {name} character set utf8mb4")).await;
    let options = server.clone().database(&name);
    let test_db = TestDb { db: mysql(options.clone()), place: Place::Server(Box::new(options)) };
    // A task of its own, so that a panic is an outcome like others.
    let outcome = tokio::spawn(test(test_db)).await;
    run(&server, format!("drop database {name}")).await;
    if let Err(error) = outcome {
        std::panic::resume_unwind(error.into_panic());
    }
}

async fn run(server: &MySqlConnectOptions, sql: String) {
    let mut connection = server.connect().await.unwrap();
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
    connection.close().await.unwrap();
}

fn mysql(options: MySqlConnectOptions) -> Db {
    Db::mysql(MySqlSettings { options, connections: CONNECTIONS })
}

fn options(dsn: &MysqlDsn) -> MySqlConnectOptions {
    let options = MySqlConnectOptions::new().username(&dsn.user).ssl_mode(MySqlSslMode::Disabled);
    let options = match &dsn.address {
        MysqlAddress::Tcp { host, port } => options.host(host).port(*port),
        MysqlAddress::Socket(path) => options.socket(path),
    };
    match &dsn.password {
        Some(password) => options.password(password.reveal()),
        None => options,
    }
}
