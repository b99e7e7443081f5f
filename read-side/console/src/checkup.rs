//! What `esteira doctor` and the page of the engines ask of each engine.

use esteira_bus::{Group, Log, PartitionLag};
use esteira_events::{EventType, Topics};
use esteira_outbox::backlog;
use esteira_sql::schema::{Schema, versions};
use esteira_sql::{Db, Timestamp};
use esteira_telemetry::{StageReport, State as StageState};
use esteira_views::Views;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
    /// What did not even answer.
    pub fn failed(name: &str, reason: impl std::fmt::Display) -> Self {
        Self { name: name.to_owned(), ok: false, detail: reason.to_string() }
    }

    pub fn of_stage(stage: StageReport) -> Self {
        let StageReport { name, state, reason, .. } = stage;
        let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
        Self {
            name: format!("stage {name}"),
            ok: state == StageState::Ready,
            detail: format!("{state}{reason}"),
        }
    }

    fn of<E: Into<Failure>>(name: impl Into<String>, result: Result<String, E>) -> Self {
        match result.map_err(Into::into) {
            Ok(detail) => Self { name: name.into(), ok: true, detail },
            Err(Failure(detail)) => Self { name: name.into(), ok: false, detail },
        }
    }
}

/// Why a check failed, in words.
struct Failure(String);

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Reachable, version, tables, backlog of the outbox.
pub async fn of_store(db: &Db, schemas: &[Schema]) -> Vec<Check> {
    // Beside each other: one that is away takes its time to say so.
    let (version, tables, outbox) = tokio::join!(db.version(), tables(db, schemas), outbox(db));
    vec![Check::of("write store", version), Check::of("tables", tables), Check::of("outbox", outbox)]
}

async fn tables(db: &Db, schemas: &[Schema]) -> Result<String, Failure> {
    let mut reader = db.read().await?;
    let found = versions(&mut reader.conn()).await?;
    let mut lines = Vec::new();
    for schema in schemas {
        match found.iter().find(|(name, _)| name == schema.name) {
            Some((name, version)) if *version == schema.version => lines.push(format!("{name} {version}")),
            Some((name, version)) => {
                let known = schema.version;
                return Err(Failure(format!("{name} has version {version}, this program knows {known}")));
            }
            None => {
                let name = schema.name;
                return Err(Failure(format!("{name} is not there: it is made at the first start")));
            }
        }
    }
    Ok(lines.join(", "))
}

async fn outbox(db: &Db) -> Result<String, Failure> {
    let mut reader = db.read().await?;
    let (waiting, oldest) = backlog(&mut reader.conn(), BACKLOG_COUNTED).await?;
    let Some(oldest) = oldest else { return Ok("nothing waits".to_owned()) };
    let age = (Timestamp::now().to_utc() - oldest.to_utc()).num_seconds();
    Ok(format!("{waiting} events wait, the oldest for {age} s"))
}

/// Reachable, topics, lag of each consumer group.
pub async fn of_log(log: &dyn Log, topics: &Topics, groups: &[Group]) -> Vec<Check> {
    let mut checks = match log.describe().await {
        Err(error) => return vec![Check::of("event log", Err(error))],
        Ok(description) => {
            let version = description.version.as_deref().unwrap_or("of unknown version");
            let present: Vec<&str> = description.topics.iter().map(|topic| topic.name.as_str()).collect();
            let line = format!("{} {version} at {}", description.engine, description.address);
            vec![
                Check { name: "event log".to_owned(), ok: true, detail: line },
                Check::of("topics", expected_topics(topics, &present)),
            ]
        }
    };
    for group in groups {
        checks.push(Check::of(format!("group {}", group.name), lag(log, group).await));
    }
    checks
}

fn expected_topics(topics: &Topics, present: &[&str]) -> Result<String, Failure> {
    let names = EventType::ALL.iter().map(|event| topics.name(*event));
    let expected: Vec<String> = names.flat_map(|name| [Topics::dead_letters(&name), name]).collect();
    let missing: Vec<&str> =
        expected.iter().map(String::as_str).filter(|name| !present.contains(name)).collect();
    if missing.is_empty() {
        return Ok(format!("{} of {} present", expected.len(), expected.len()));
    }
    Err(Failure(format!("missing, `esteira topics` creates them: {}", missing.join(", "))))
}

async fn lag(log: &dyn Log, group: &Group) -> Result<String, Failure> {
    let topics: Vec<&str> = group.topics.iter().map(String::as_str).collect();
    let partitions = log.lag(&group.name, &topics).await?;
    let total: i64 = partitions.iter().map(PartitionLag::lag).sum();
    Ok(format!("lag {total} over {} partitions", partitions.len()))
}

/// Reachable, engine, version.
pub async fn of_views(views: &dyn Views) -> Vec<Check> {
    let line = |views: esteira_views::ViewsDescription| {
        format!("{} {} at {}", views.engine, views.version, views.address)
    };
    vec![Check::of("views", views.describe().await.map(line))]
}
