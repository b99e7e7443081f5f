//! A database, topics and views of its own for each measurement, which go with it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use esteira_bus::kafka::delete_topics;
use esteira_bus::{EmbeddedLog, KafkaConfig, KafkaLog, Log};
use esteira_events::{EventType, Topics};
use esteira_sql::{Db, MySqlSettings};
use esteira_views::{MongoViews, SqliteViews, Views};
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use uuid::Uuid;

/// The engines that the settings name; a missing one is embedded.
#[derive(Clone)]
pub struct Site {
    pub mysql: Option<MySql>,
    pub kafka: Option<KafkaConfig>,
    /// With its password; it may name a database.
    pub mongo: Option<String>,
    /// One that the command services of the settings accept.
    pub command_token: Option<String>,
    /// On the disk that the embedded engines use.
    pub data_dir: PathBuf,
}

/// A MySQL server.
#[derive(Clone)]
pub struct MySql {
    pub options: MySqlConnectOptions,
    /// The DSN of a database of it, for the platform's processes.
    pub dsn: Arc<dyn Fn(&str) -> String + Send + Sync>,
}

impl Site {
    /// Each engine and its version.
    pub async fn described(&self) -> anyhow::Result<Vec<String>> {
        let sandbox = Sandbox::new(self).await?;
        let described = async {
            let store = sandbox.db(1).await?.version().await?;
            let log = sandbox.log().await?.describe().await?.engine;
            let views = sandbox.views().await?.describe().await?;
            anyhow::Ok(vec![store, log, format!("{} {}", views.engine, views.version)])
        };
        let described = described.await;
        sandbox.close().await?;
        described
    }

    /// Roles as processes of their own need servers.
    pub fn is_servers(&self) -> bool {
        self.mysql.is_some() && self.kafka.is_some() && self.mongo.is_some()
    }
}

/// Where one measurement takes place.
pub struct Sandbox {
    pub site: Site,
    pub topics: Topics,
    /// The settings of the platform's processes.
    pub variables: BTreeMap<String, String>,
    pub directory: PathBuf,
    name: String,
}

impl Sandbox {
    pub async fn new(site: &Site) -> anyhow::Result<Self> {
        let name = format!("esteira_bench_{}", Uuid::now_v7().simple());
        let prefix = format!("{name}.");
        let directory = site.data_dir.join(&name);
        std::fs::create_dir_all(&directory)
            .with_context(|| format!("{} cannot be created", directory.display()))?;
        // Processes are started elsewhere than here.
        let directory = directory.canonicalize()?;
        let mut variables = BTreeMap::from([
            ("ESTEIRA_DATA_DIR".to_owned(), directory.display().to_string()),
            ("ESTEIRA_TOPIC_PREFIX".to_owned(), prefix.clone()),
            ("ESTEIRA_GROUP_PREFIX".to_owned(), prefix.clone()),
        ]);
        if let Some(mysql) = &site.mysql {
            execute(mysql, format!("create database {name} character set utf8mb4")).await?;
            variables.insert("MYSQL_DSN".to_owned(), (mysql.dsn)(&name));
        }
        if let Some(mongo) = &site.mongo {
            variables.insert("MONGO_URI".to_owned(), with_database(mongo, &name));
        }
        Ok(Self { site: site.clone(), topics: Topics::with_prefix(prefix), variables, directory, name })
    }

    /// The write store, with so many connections.
    pub async fn db(&self, connections: u32) -> anyhow::Result<Db> {
        Ok(match &self.site.mysql {
            Some(mysql) => {
                let options = mysql.options.clone().database(&self.name);
                Db::mysql(MySqlSettings { options, connections })
            }
            None => Db::sqlite(&self.directory.join("store.db")).await?,
        })
    }

    /// The event log. The embedded one is for one process: only while the platform is down.
    pub async fn log(&self) -> anyhow::Result<Arc<dyn Log>> {
        Ok(match &self.site.kafka {
            Some(config) => Arc::new(KafkaLog::connect(config)?),
            None => Arc::new(EmbeddedLog::open(&self.directory.join("log.db")).await?),
        })
    }

    pub async fn views(&self) -> anyhow::Result<Arc<dyn Views>> {
        Ok(match self.mongo().await? {
            Some(views) => Arc::new(views),
            None => Arc::new(SqliteViews::open(&self.directory.join("views.db")).await?),
        })
    }

    pub async fn mongo(&self) -> anyhow::Result<Option<MongoViews>> {
        match self.variables.get("MONGO_URI") {
            Some(uri) => Ok(Some(MongoViews::connect(uri).await?)),
            None => Ok(None),
        }
    }

    /// Topics for what the log can do by itself.
    pub fn raw_topics(&self) -> Topics {
        Topics::with_prefix(format!("{}.raw.", self.name))
    }

    pub fn group(&self, name: &str) -> String {
        format!("{}.{name}", self.name)
    }

    /// Drops everything, also after a measurement that failed.
    pub async fn close(self) -> anyhow::Result<()> {
        if let Some(mysql) = &self.site.mysql {
            execute(mysql, format!("drop database {}", self.name)).await?;
        }
        if let Some(config) = &self.site.kafka {
            let topics = EventType::ALL.map(|event| self.topics.name(event));
            let queues = topics.each_ref().map(|topic| Topics::dead_letters(topic));
            let raw = EventType::ALL.map(|event| self.raw_topics().name(event));
            let names: Vec<&str> = topics.iter().chain(&queues).chain(&raw).map(String::as_str).collect();
            delete_topics(config, &names).await?;
        }
        if let Some(views) = self.mongo().await? {
            views.database().drop().await?;
        }
        std::fs::remove_dir_all(&self.directory)?;
        Ok(())
    }
}

async fn execute(mysql: &MySql, sql: String) -> anyhow::Result<()> {
    let mut connection = mysql.options.connect().await.context("MYSQL_DSN")?;
    connection.execute(AssertSqlSafe(sql)).await?;
    Ok(connection.close().await?)
}

/// A URI with another database: what stands between the slash behind the hosts and `?`.
fn with_database(uri: &str, name: &str) -> String {
    let (address, options) =
        uri.split_once('?').map_or((uri, None), |(address, options)| (address, Some(options)));
    let (scheme, rest) = address.split_once("://").unwrap_or(("mongodb", address));
    let hosts = rest.rsplit_once('/').map_or(rest, |(hosts, _)| hosts);
    let options = options.map_or_else(String::new, |options| format!("?{options}"));
    format!("{scheme}://{hosts}/{name}{options}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_gets_another_database() {
        let cases = [
            ("mongodb://a:1", "mongodb://a:1/x"),
            ("mongodb://a:1/", "mongodb://a:1/x"),
            ("mongodb://u:p@a,b/shop?replicaSet=r", "mongodb://u:p@a,b/x?replicaSet=r"),
        ];
        for (uri, expected) in cases {
            assert_eq!(with_database(uri, "x"), expected);
        }
    }
}
