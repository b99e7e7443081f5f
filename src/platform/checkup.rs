//! What `esteira doctor` asks of each engine.

use esteira_bus::{Group, Log};
use esteira_config::Settings;
use esteira_events::{EventType, Topics};
use esteira_outbox::backlog;
use esteira_sql::schema::versions;
use esteira_sql::{Db, Timestamp};
use esteira_views::Views;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::groups;
use super::schema::schemas;

/// The backlog is counted no further than this.
const BACKLOG_COUNTED: u32 = 100_000;

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Check {
    pub name: String,
    pub ok: bool,
    pub detail: String,
}

impl Check {
    pub fn of(name: impl Into<String>, result: anyhow::Result<String>) -> Self {
        match result {
            Ok(detail) => Self { name: name.into(), ok: true, detail },
            Err(error) => Self { name: name.into(), ok: false, detail: format!("{error:#}") },
        }
    }
}

/// Reachable, version, tables, backlog of the outbox.
pub async fn of_store(db: &Db) -> Vec<Check> {
    vec![
        Check::of("write store", db.version().await.map_err(Into::into)),
        Check::of("tables", tables(db).await),
        Check::of("outbox", outbox(db).await),
    ]
}

async fn tables(db: &Db) -> anyhow::Result<String> {
    let mut reader = db.read().await?;
    let found = versions(&mut reader.conn()).await?;
    let mut lines = Vec::new();
    for schema in schemas() {
        match found.iter().find(|(name, _)| name == schema.name) {
            Some((name, version)) if *version == schema.version => lines.push(format!("{name} {version}")),
            Some((name, version)) => {
                anyhow::bail!("{name} has version {version}, this program knows {}", schema.version)
            }
            None => anyhow::bail!("{} is not there: it is made at the first start", schema.name),
        }
    }
    Ok(lines.join(", "))
}

async fn outbox(db: &Db) -> anyhow::Result<String> {
    let mut reader = db.read().await?;
    let (waiting, oldest) = backlog(&mut reader.conn(), BACKLOG_COUNTED).await?;
    let Some(oldest) = oldest else { return Ok("nothing waits".to_owned()) };
    let age = (Timestamp::now().to_utc() - oldest.to_utc()).num_seconds();
    Ok(format!("{waiting} events wait, the oldest for {age} s"))
}

/// Reachable, topics, lag of each consumer group.
pub async fn of_log(settings: &Settings, log: &dyn Log) -> Vec<Check> {
    let topics = Topics::with_prefix(settings.topic_prefix.clone());
    let mut checks = match log.describe().await {
        Err(error) => return vec![Check::of("event log", Err(error.into()))],
        Ok(description) => {
            let version = description.version.as_deref().unwrap_or("of unknown version");
            let present: Vec<&str> = description.topics.iter().map(|topic| topic.name.as_str()).collect();
            vec![
                Check::of(
                    "event log",
                    Ok(format!("{} {version} at {}", description.engine, description.address)),
                ),
                Check::of("topics", expected_topics(&topics, &present)),
            ]
        }
    };
    for group in groups(settings) {
        let lag = lag(log, &group).await;
        checks.push(Check::of(format!("group {}", group.name), lag));
    }
    checks
}

fn expected_topics(topics: &Topics, present: &[&str]) -> anyhow::Result<String> {
    let names = EventType::ALL.iter().map(|event| topics.name(*event));
    let expected: Vec<String> = names.flat_map(|name| [Topics::dead_letters(&name), name]).collect();
    let missing: Vec<&str> =
        expected.iter().map(String::as_str).filter(|name| !present.contains(name)).collect();
    anyhow::ensure!(missing.is_empty(), "missing, `esteira topics` creates them: {}", missing.join(", "));
    Ok(format!("{} of {} present", expected.len(), expected.len()))
}

async fn lag(log: &dyn Log, group: &Group) -> anyhow::Result<String> {
    let topics: Vec<&str> = group.topics.iter().map(String::as_str).collect();
    let partitions = log.lag(&group.name, &topics).await?;
    let total: i64 = partitions.iter().map(esteira_bus::PartitionLag::lag).sum();
    Ok(format!("lag {total} over {} partitions", partitions.len()))
}

/// Reachable, engine, version.
pub async fn of_views(views: &dyn Views) -> Vec<Check> {
    let described = views.describe().await.map_err(Into::into);
    let line = |views: esteira_views::ViewsDescription| {
        format!("{} {} at {}", views.engine, views.version, views.address)
    };
    vec![Check::of("views", described.map(line))]
}
