//! The port: what the rest of Esteira may ask of an event log.

use std::time::Duration;

use async_trait::async_trait;

use crate::{LogError, NewRecord, Position, PublishError, Record};

/// Records that [`scan`] reads at once.
const SCANNED: usize = 1_000;

/// An event log: topics of partitions of records, and consumer groups with committed offsets.
#[async_trait]
pub trait Log: Send + Sync {
    /// What spans call it: OpenTelemetry's `messaging.system`.
    fn system(&self) -> &'static str;

    /// Appends; one result per record, in the order given. Records of the same key and topic keep their order in the
    /// log. Returns when every record is acknowledged (acks=all, fsync) or has failed. Dropping the future does not
    /// take back what was already on its way.
    async fn publish(&self, records: Vec<NewRecord>) -> Vec<Result<Position, PublishError>>;

    /// Appends `records` once more, each to its own partition and with its own timestamp, in the order given, and with a
    /// header that tells where it stood first ([`Record::origin`]). Otherwise as [`Log::publish`].
    async fn republish(&self, records: Vec<Record>) -> Vec<Result<Position, PublishError>>;

    /// Deletes every record of a partition before `offset`; consumers that have not read them go on from there.
    async fn delete_before(&self, topic: &str, partition: i32, offset: i64) -> Result<(), LogError>;

    /// The oldest offset that can still be read, for a look that must cost next to nothing. An unknown topic or partition is
    /// `Invalid`.
    async fn start(&self, topic: &str, partition: i32) -> Result<i64, LogError>;

    /// Makes deleted records unreadable also for whoever has the log's files, where that is not the server's to do.
    async fn scrub(&self) -> Result<(), LogError> {
        Ok(())
    }

    /// Joins `group` to read `topics` from the committed offsets, or from the beginning where there is none. Topics
    /// that do not exist yet are no error: they are read once they do.
    async fn subscribe(&self, group: &str, topics: &[&str]) -> Result<Box<dyn Consumer>, LogError>;

    /// Creates the topics that are missing and leaves existing ones as they are; true means created now. Racing
    /// another creator is fine.
    async fn create_topics(&self, topics: &[TopicSpec]) -> Result<Vec<(String, bool)>, LogError>;

    /// What the log is, where it is and which topics it holds.
    async fn describe(&self) -> Result<LogDescription, LogError>;

    /// How far `group` is behind, one entry a partition; topics that do not exist are left out.
    async fn lag(&self, group: &str, topics: &[&str]) -> Result<Vec<PartitionLag>, LogError>;

    /// Who is in `group` now, and what each has; nobody where the group is not known.
    async fn members(&self, group: &str) -> Result<Vec<GroupMember>, LogError>;

    /// Reads at most `max` records of one partition from `offset` on, without a group, for tools, and fewer where they are
    /// large. Empty at the end;
    /// an offset before the oldest record starts at that one. An unknown topic or partition is `Invalid`.
    async fn read(
        &self,
        topic: &str,
        partition: i32,
        offset: i64,
        max: usize,
    ) -> Result<Vec<Record>, LogError>;

    /// Reads partitions of topics from these places on, and what comes later, without a group: every reader sees every
    /// record. An offset before the oldest record starts at that one. An unknown topic or partition is `Invalid`.
    async fn tail(&self, from: &[(String, Position)]) -> Result<Box<dyn Tail>, LogError>;
}

/// A reader of partitions that belongs to no group.
#[async_trait]
pub trait Tail: Send {
    /// Waits up to `wait` for the first record, then takes what is there, up to `max`, each partition in its order. Empty
    /// when none came. While the log is away it is empty or `Unavailable`, and afterwards goes on where it was. Dropping
    /// the future loses no record.
    async fn take(&mut self, max: usize, wait: Duration) -> Result<Vec<Record>, LogError>;
}

/// A member of a consumer group. Dropping it leaves the group too, but [`Consumer::close`] waits until it has.
///
/// A member must call [`Consumer::take`] again within five minutes, or the group takes it for dead and gives its
/// partitions to others.
#[async_trait]
pub trait Consumer: Send {
    /// Waits up to `wait` for the first record, then takes what is there, up to `max`. Never waits to fill. Empty
    /// when none came.
    async fn take(&mut self, max: usize, wait: Duration) -> Result<Vec<Record>, LogError>;

    /// Commits, per partition, the offset after the highest of `records`. Partitions that this member no longer owns,
    /// or has lost and won back since it took the record, are left out; a committed offset never goes back. In a
    /// rebalance the log may hold the commit back: it is then finished by the next call of any kind, and an error of it
    /// told there; a record whose commit came to nothing comes again.
    async fn commit(&mut self, records: &[Record]) -> Result<(), LogError>;

    /// Goes back to the committed offsets, so that records taken but not committed come again.
    async fn rewind(&mut self) -> Result<(), LogError>;

    /// Leaves the group at once, so that the others need not wait for a session to time out.
    async fn close(self: Box<Self>);
}

/// A topic to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    pub name: String,
    pub partitions: i32,
    /// Copies of each partition; -1 leaves it to the broker.
    pub replication: i16,
    /// Kafka's topic settings, e.g. `retention.ms`, `max.message.bytes`. The embedded log heeds the latter and
    /// deletes no record by itself.
    pub config: Vec<(String, String)>,
}

/// What a log is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDescription {
    /// `kafka` or `embedded`.
    pub engine: String,
    /// The server's version where it tells.
    pub version: Option<String>,
    /// Broker list, or file.
    pub address: String,
    /// Ordered by name, without the log's own internal ones.
    pub topics: Vec<TopicDescription>,
}

impl LogDescription {
    /// How many partitions `topic` has, none where it does not exist.
    pub fn partitions(&self, topic: &str) -> i32 {
        self.topics.iter().find(|known| known.name == topic).map_or(0, |known| known.partitions)
    }
}

/// Reads one partition from its beginning to its end, for tools.
pub async fn scan(
    log: &dyn Log,
    topic: &str,
    partition: i32,
    mut each: impl FnMut(Record) + Send,
) -> Result<(), LogError> {
    let mut next = 0;
    loop {
        let page = log.read(topic, partition, next, SCANNED).await?;
        let Some(last) = page.last() else { return Ok(()) };
        next = last.offset + 1;
        page.into_iter().for_each(&mut each);
    }
}

/// One topic of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicDescription {
    pub name: String,
    pub partitions: i32,
}

/// A consumer group and the topics that it reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub name: String,
    pub topics: Vec<String>,
}

/// A member of a consumer group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// As the log knows it.
    pub id: String,
    /// What its program calls itself.
    pub client: String,
    /// Where it is, as the log sees it.
    pub host: String,
    /// Topics and partitions.
    pub partitions: Vec<(String, i32)>,
}

/// How far a group is in one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionLag {
    pub topic: String,
    pub partition: i32,
    /// The next offset the group will read, if it has committed any.
    pub committed: Option<i64>,
    /// The oldest offset that can still be read.
    pub start: i64,
    /// The offset after the newest record.
    pub end: i64,
}

impl PartitionLag {
    /// Records that the group has yet to commit, without those that the log no longer has.
    pub fn lag(&self) -> i64 {
        let next = self.committed.unwrap_or(self.start).max(self.start);
        (self.end - next).max(0)
    }
}
