//! The topics, and where each partition ends; kept in memory, so that a consumer need not ask the file.

use std::collections::BTreeMap;

use esteira_sql::sqlite::SqliteFile;

use super::{Shared, unavailable};
use crate::ownership::TopicPartition;
use crate::rules::{DEFAULT_MAX_BYTES, check_spec};
use crate::{LogError, TopicDescription, TopicSpec};

#[derive(Clone, Debug)]
pub(super) struct Topic {
    pub(super) id: i64,
    pub(super) max_bytes: usize,
    /// The offset after the newest record of each partition.
    pub(super) ends: Vec<i64>,
}

impl Topic {
    pub(super) fn partitions(&self) -> i32 {
        i32::try_from(self.ends.len()).unwrap_or(i32::MAX)
    }
}

#[derive(Debug, Default)]
pub(super) struct Catalogue {
    topics: BTreeMap<String, Topic>,
}

impl Catalogue {
    pub(super) async fn load(file: &SqliteFile) -> Result<Self, sqlx::Error> {
        let rows: Vec<(String, i64, i32, i64)> =
            sqlx::query_as("select name, id, partitions, max_bytes from topics")
                .fetch_all(file.readers())
                .await?;
        let mut topics = BTreeMap::new();
        for (name, id, partitions, max_bytes) in rows {
            let mut ends = Vec::new();
            for partition in 0..partitions {
                ends.push(end_of(file, id, partition).await?);
            }
            topics.insert(name, Topic { id, max_bytes: usize::try_from(max_bytes).unwrap_or(0), ends });
        }
        Ok(Self { topics })
    }

    /// What the file says counts.
    pub(super) fn replace(&mut self, fresh: Self) {
        self.topics.extend(fresh.topics);
    }

    /// Ends that are known may be newer than `fresh`.
    fn add_missing(&mut self, fresh: Self) {
        for (name, topic) in fresh.topics {
            self.topics.entry(name).or_insert(topic);
        }
    }

    pub(super) fn topic(&self, name: &str) -> Option<&Topic> {
        self.topics.get(name)
    }

    /// The topic's id and where the partition ends.
    pub(super) fn end(&self, at: &TopicPartition) -> Option<(i64, i64)> {
        let topic = self.topics.get(&at.topic)?;
        Some((topic.id, *topic.ends.get(usize::try_from(at.partition).ok()?)?))
    }

    pub(super) fn set_end(&mut self, at: &TopicPartition, end: i64) {
        let ends = self.topics.get_mut(&at.topic).map(|topic| &mut topic.ends);
        if let (Some(ends), Ok(partition)) = (ends, usize::try_from(at.partition))
            && let Some(known) = ends.get_mut(partition)
        {
            *known = end;
        }
    }

    /// Every partition of those of `topics` that exist, with its end.
    pub(super) fn ends(&self, topics: &[&str]) -> Vec<(TopicPartition, i64)> {
        let wanted = self.topics.iter().filter(|(name, _)| topics.contains(&name.as_str()));
        let ends = |(name, topic): (&String, &Topic)| {
            let at = |(partition, end): (i32, &i64)| (TopicPartition::new(name.as_str(), partition), *end);
            (0..).zip(&topic.ends).map(at).collect::<Vec<_>>()
        };
        wanted.flat_map(ends).collect()
    }

    pub(super) fn describe(&self) -> Vec<TopicDescription> {
        self.topics
            .iter()
            .map(|(name, topic)| TopicDescription { name: name.clone(), partitions: topic.partitions() })
            .collect()
    }
}

async fn end_of(file: &SqliteFile, topic: i64, partition: i32) -> Result<i64, sqlx::Error> {
    let (last, start): (Option<i64>, Option<i64>) = sqlx::query_as(
        "select (select max(offset) from records where topic_id = ?1 and partition = ?2),
         (select start from starts where topic_id = ?1 and partition = ?2)",
    )
    .bind(topic)
    .bind(partition)
    .fetch_one(file.readers())
    .await?;
    // Offsets are not used again where every record is deleted.
    Ok(last.map_or(0, |last| last + 1).max(start.unwrap_or(0)))
}

pub(super) async fn create_topics(
    shared: &Shared,
    specs: &[TopicSpec],
) -> Result<Vec<(String, bool)>, LogError> {
    let mut limits = Vec::with_capacity(specs.len());
    for spec in specs {
        check_spec(spec)?;
        limits.push(max_bytes(spec)?);
    }
    let mut created = Vec::with_capacity(specs.len());
    let mut tx = shared.file.writer().begin_with("begin immediate").await.map_err(unavailable)?;
    for (spec, limit) in specs.iter().zip(limits) {
        let done = sqlx::query(
            "insert into topics (name, partitions, max_bytes) values (?, ?, ?) on conflict (name) do nothing",
        )
        .bind(&spec.name)
        .bind(spec.partitions)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .execute(&mut *tx)
        .await
        .map_err(unavailable)?;
        created.push((spec.name.clone(), done.rows_affected() > 0));
    }
    tx.commit().await.map_err(unavailable)?;
    show(shared, specs).await?;
    Ok(created)
}

/// Makes the topics known, also those whose creator was cancelled between the commit and this.
async fn show(shared: &Shared, specs: &[TopicSpec]) -> Result<(), LogError> {
    let known = |spec: &TopicSpec| shared.catalogue().topic(&spec.name).is_some();
    if !specs.iter().all(known) {
        let fresh = Catalogue::load(&shared.file).await.map_err(unavailable)?;
        shared.catalogue().add_missing(fresh);
        shared.partitions_moved();
    }
    Ok(())
}

fn max_bytes(spec: &TopicSpec) -> Result<usize, LogError> {
    let setting = spec.config.iter().rev().find(|(name, _)| name == "max.message.bytes");
    let Some((name, value)) = setting else { return Ok(DEFAULT_MAX_BYTES) };
    value
        .parse()
        .map_err(|_| LogError::Invalid(format!("{name}={value} of topic {} is not a number", spec.name)))
}
