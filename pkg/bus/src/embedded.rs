//! The event log in one SQLite file, for one process: no server, the same promises.

mod catalogue;
mod consumer;
mod groups;
mod reading;
mod schema;
mod tail;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use esteira_sql::sqlite::SqliteFile;
use tokio::sync::{mpsc, oneshot, watch};

use self::catalogue::Catalogue;
use self::groups::Groups;
use self::writer::Op;
use crate::ownership::TopicPartition;
use crate::record::Placed;
use crate::rules::check_subscription;
use crate::{
    Consumer, GroupMember, Log, LogDescription, LogError, NewRecord, PartitionLag, Position, PublishError,
    Record, Tail, TopicSpec,
};

/// A durable event log in one SQLite file. Every record and offset is fsynced before it is acknowledged; publishes and
/// commits that wait at the same time share one transaction. Only one process may have the file open.
pub struct EmbeddedLog {
    path: PathBuf,
    shared: Arc<Shared>,
    writer: mpsc::Sender<Op>,
}

/// What the log, its writer and its consumers have in common.
struct Shared {
    file: SqliteFile,
    catalogue: Mutex<Catalogue>,
    groups: Mutex<Groups>,
    changes: watch::Sender<Changes>,
}

/// Counts what may give a waiting consumer something to do.
#[derive(Clone, Copy, Debug, Default)]
struct Changes {
    records: u64,
    /// Members came, went or let go of partitions, or topics were created.
    partitions: u64,
}

impl Shared {
    fn catalogue(&self) -> MutexGuard<'_, Catalogue> {
        self.catalogue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn groups(&self) -> MutexGuard<'_, Groups> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn records_came(&self) {
        self.changes.send_modify(|changes| changes.records += 1);
    }

    fn partitions_moved(&self) {
        self.changes.send_modify(|changes| changes.partitions += 1);
    }
}

impl EmbeddedLog {
    /// Opens the log at `path`, creating it when it is missing. Must be called within a tokio runtime, which then
    /// runs the writer for as long as the log or a consumer of it lives.
    pub async fn open(path: &Path) -> Result<Self, LogError> {
        let file = SqliteFile::open(path).await.map_err(unavailable)?;
        schema::create(&file).await.map_err(unavailable)?;
        let catalogue = Catalogue::load(&file).await.map_err(unavailable)?;
        let shared = Arc::new(Shared {
            file,
            catalogue: Mutex::new(catalogue),
            groups: Mutex::default(),
            changes: watch::Sender::new(Changes::default()),
        });
        Ok(Self { path: path.to_owned(), writer: writer::start(Arc::clone(&shared)), shared })
    }

    async fn append(&self, records: Vec<Placed>) -> Vec<Result<Position, PublishError>> {
        let count = records.len();
        let (reply, answers) = oneshot::channel();
        let sent = self.writer.send(Op::Publish { records, reply }).await.is_ok();
        match answers.await {
            Ok(answers) if sent => answers,
            Ok(_) | Err(_) => vec![Err(PublishError::Unavailable("the log is closed".to_owned())); count],
        }
    }

    /// The topic's id, and where the partition ends.
    fn find(&self, at: &TopicPartition) -> Result<(i64, i64), LogError> {
        let TopicPartition { topic, partition } = at;
        self.shared.catalogue().end(at).ok_or_else(|| LogError::no_partition(topic, *partition))
    }

    /// Closes the file, after which it may be moved; whatever is asked for later is unavailable.
    pub async fn close(&self) {
        self.shared.file.close().await;
    }
}

#[async_trait]
impl Log for EmbeddedLog {
    fn system(&self) -> &'static str {
        "esteira"
    }

    async fn publish(&self, records: Vec<NewRecord>) -> Vec<Result<Position, PublishError>> {
        self.append(records.into_iter().map(Placed::from).collect()).await
    }

    async fn republish(&self, records: Vec<Record>) -> Vec<Result<Position, PublishError>> {
        self.append(records.into_iter().map(Placed::from).collect()).await
    }

    async fn delete_before(&self, topic: &str, partition: i32, offset: i64) -> Result<(), LogError> {
        let at = TopicPartition::new(topic, partition);
        let (topic_id, end) = self.find(&at)?;
        if offset > end {
            return Err(LogError::Invalid(format!("{topic}/{partition} ends at {end}, before {offset}")));
        }
        let (reply, answer) = oneshot::channel();
        let closed = || LogError::Unavailable("the log is closed".to_owned());
        self.writer
            .send(Op::Delete { topic_id, partition, before: offset, reply })
            .await
            .map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?.map_err(LogError::Unavailable)
    }

    async fn start(&self, topic: &str, partition: i32) -> Result<i64, LogError> {
        let at = TopicPartition::new(topic, partition);
        self.find(&at)?;
        let starts = reading::starts(&self.shared.file).await.map_err(unavailable)?;
        Ok(starts.get(&at).copied().unwrap_or(0))
    }

    async fn scrub(&self) -> Result<(), LogError> {
        self.shared.file.scrub().await.map_err(unavailable)
    }

    async fn subscribe(&self, group: &str, topics: &[&str]) -> Result<Box<dyn Consumer>, LogError> {
        check_subscription(group, topics)?;
        Ok(Box::new(consumer::Member::join(Arc::clone(&self.shared), self.writer.clone(), group, topics)))
    }

    async fn create_topics(&self, topics: &[TopicSpec]) -> Result<Vec<(String, bool)>, LogError> {
        catalogue::create_topics(&self.shared, topics).await
    }

    async fn describe(&self) -> Result<LogDescription, LogError> {
        let (version,): (String,) = sqlx::query_as("select sqlite_version()")
            .fetch_one(self.shared.file.readers())
            .await
            .map_err(unavailable)?;
        Ok(LogDescription {
            engine: "embedded".to_owned(),
            version: Some(format!("SQLite {version}")),
            address: self.path.display().to_string(),
            topics: self.shared.catalogue().describe(),
        })
    }

    async fn lag(&self, group: &str, topics: &[&str]) -> Result<Vec<PartitionLag>, LogError> {
        check_subscription(group, topics)?;
        let committed = reading::committed(&self.shared.file, group).await.map_err(unavailable)?;
        let starts = reading::starts(&self.shared.file).await.map_err(unavailable)?;
        let lag = |(at, end): (TopicPartition, i64)| PartitionLag {
            committed: committed.get(&at).copied(),
            start: starts.get(&at).copied().unwrap_or(0),
            topic: at.topic,
            partition: at.partition,
            end,
        };
        Ok(self.shared.catalogue().ends(topics).into_iter().map(lag).collect())
    }

    /// They are all in this process.
    async fn members(&self, group: &str) -> Result<Vec<GroupMember>, LogError> {
        let member = |(id, owned): (u64, Vec<TopicPartition>)| GroupMember {
            id: id.to_string(),
            client: format!("process {}", std::process::id()),
            host: "here".to_owned(),
            partitions: owned.into_iter().map(|at| (at.topic, at.partition)).collect(),
        };
        Ok(self.shared.groups().members(group).into_iter().map(member).collect())
    }

    async fn read(
        &self,
        topic: &str,
        partition: i32,
        offset: i64,
        max: usize,
    ) -> Result<Vec<Record>, LogError> {
        let at = TopicPartition::new(topic, partition);
        let (id, _) = self.find(&at)?;
        reading::records(&self.shared.file, &at, id, offset, max).await.map_err(unavailable)
    }

    async fn tail(&self, from: &[(String, Position)]) -> Result<Box<dyn Tail>, LogError> {
        let place = |(topic, at): &(String, Position)| {
            let partition = TopicPartition::new(topic.as_str(), at.partition);
            self.find(&partition).map(|_| (partition, at.offset))
        };
        let next = from.iter().map(place).collect::<Result<_, _>>()?;
        Ok(Box::new(tail::Reader::open(Arc::clone(&self.shared), next)))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unavailable(error: sqlx::Error) -> LogError {
    LogError::Unavailable(error.to_string())
}
