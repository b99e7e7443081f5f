//! The one task that writes: what waits at the same time shares one transaction, and so one fsync.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::Utc;
use sqlx::{QueryBuilder, Sqlite, Transaction};
use tokio::sync::{mpsc, oneshot};

use super::Shared;
use super::catalogue::Catalogue;
use crate::ownership::{Place, TopicPartition};
use crate::record::Placed;
use crate::rules::{batch_bytes, check_record, partition_of};
use crate::{Position, PublishError};

/// Operations that may wait, and that may share a transaction.
const QUEUE: usize = 256;
/// Rows of one insert; the others go one by one, so that there are only two statements to prepare.
const ROWS: usize = 32;

type Answer = Result<Position, PublishError>;

pub(super) enum Op {
    Publish { records: Vec<Placed>, reply: oneshot::Sender<Vec<Answer>> },
    Commit { group: String, places: Vec<Place>, reply: oneshot::Sender<Result<(), String>> },
    Delete { topic_id: i64, partition: i32, before: i64, reply: oneshot::Sender<Result<(), String>> },
}

/// Starts the writer, which ends when the last sender is dropped.
pub(super) fn start(shared: Arc<Shared>) -> mpsc::Sender<Op> {
    let (sender, mut ops) = mpsc::channel(QUEUE);
    tokio::spawn(async move {
        let mut writer = Writer { shared, turn: 0, reload: false };
        let mut batch = Vec::with_capacity(QUEUE);
        while ops.recv_many(&mut batch, QUEUE).await > 0 {
            writer.write(std::mem::take(&mut batch)).await;
        }
    });
    sender
}

struct Writer {
    shared: Arc<Shared>,
    /// Where the next record without a key goes.
    turn: i32,
    /// A transaction failed, so the file alone knows what it holds.
    reload: bool,
}

/// A record with its place in the log.
struct Row<'a> {
    topic_id: i64,
    at: TopicPartition,
    offset: i64,
    placed: &'a Placed,
    headers: Option<String>,
}

/// Where partitions end once the rows of this transaction are in.
type Ends = HashMap<TopicPartition, i64>;

impl Writer {
    async fn write(&mut self, batch: Vec<Op>) {
        let mut ends = Ends::new();
        let mut rows = Vec::new();
        let mut answers: Vec<Vec<Answer>> = Vec::new();
        let mut outcome = self.reload().await;
        for op in &batch {
            if let Op::Publish { records, .. } = op {
                answers.push(records.iter().map(|record| self.place(record, &mut ends, &mut rows)).collect());
            }
        }
        if outcome.is_ok() {
            outcome = self.transaction(&rows, &batch).await;
        }
        drop(rows);
        let failed = outcome.map_err(|error| error.to_string()).err();
        match &failed {
            None => self.publish_ends(&ends),
            Some(reason) => {
                self.reload = true;
                tracing::warn!(reason, "event log not written");
            }
        }
        reply(batch, answers, failed.as_deref());
    }

    /// Finds `record` its place, or says what is wrong with it.
    fn place<'a>(&mut self, placed: &'a Placed, ends: &mut Ends, rows: &mut Vec<Row<'a>>) -> Answer {
        let record = &placed.record;
        check_record(record).map_err(PublishError::Rejected)?;
        let catalogue = self.shared.catalogue();
        let topic = catalogue.topic(&record.topic);
        let topic = topic.ok_or_else(|| PublishError::Rejected(format!("unknown topic {}", record.topic)))?;
        let (bytes, most) = (batch_bytes(record), topic.max_bytes);
        if bytes > most {
            return Err(PublishError::TooLarge(format!("{bytes} bytes are more than the topic's {most}")));
        }
        let by_key = || partition_of(record.key.as_deref(), topic.partitions());
        let partition = placed.partition.or_else(by_key).unwrap_or_else(|| {
            self.turn = self.turn.wrapping_add(1);
            self.turn.rem_euclid(topic.partitions())
        });
        if !(0..topic.partitions()).contains(&partition) {
            return Err(PublishError::Rejected(format!(
                "topic {} has no partition {partition}",
                record.topic
            )));
        }
        let at = TopicPartition::new(record.topic.as_str(), partition);
        let end = ends.entry(at.clone()).or_insert_with(|| catalogue.end(&at).map_or(0, |(_, end)| end));
        let offset = *end;
        *end += 1;
        let headers = (!record.headers.is_empty())
            .then(|| serde_json::to_string(&record.headers))
            .transpose()
            .map_err(|error| PublishError::Rejected(error.to_string()))?;
        rows.push(Row { topic_id: topic.id, at, offset, placed, headers });
        Ok(Position { partition, offset })
    }

    async fn transaction(&self, rows: &[Row<'_>], batch: &[Op]) -> Result<(), sqlx::Error> {
        let others = batch.iter().any(|op| !matches!(op, Op::Publish { .. }));
        if rows.is_empty() && !others {
            return Ok(());
        }
        let mut tx = self.shared.file.writer().begin_with("begin immediate").await?;
        insert_all(&mut tx, rows).await?;
        for op in batch {
            match op {
                Op::Publish { .. } => {}
                Op::Commit { group, places, .. } => self.commit(&mut tx, group, places).await?,
                Op::Delete { topic_id, partition, before, .. } => {
                    delete(&mut tx, *topic_id, *partition, *before).await?;
                }
            }
        }
        tx.commit().await
    }

    async fn commit(
        &self,
        tx: &mut Transaction<'_, Sqlite>,
        group: &str,
        places: &[Place],
    ) -> Result<(), sqlx::Error> {
        for place in places {
            let Some((topic_id, _)) = self.shared.catalogue().end(&place.at) else { continue };
            sqlx::query(
                "insert into offsets (group_name, topic_id, partition, next) values (?, ?, ?, ?)
                 on conflict (group_name, topic_id, partition) do update set next = max(next, excluded.next)",
            )
            .bind(group)
            .bind(topic_id)
            .bind(place.at.partition)
            .bind(place.offset)
            .execute(&mut **tx)
            .await?;
        }
        Ok(())
    }

    fn publish_ends(&self, ends: &Ends) {
        let mut catalogue = self.shared.catalogue();
        for (at, end) in ends {
            catalogue.set_end(at, *end);
        }
        drop(catalogue);
        if !ends.is_empty() {
            self.shared.records_came();
        }
    }

    async fn reload(&mut self) -> Result<(), sqlx::Error> {
        if self.reload {
            let fresh = Catalogue::load(&self.shared.file).await?;
            self.shared.catalogue().replace(fresh);
            self.shared.records_came();
            self.reload = false;
        }
        Ok(())
    }
}

async fn insert_all(tx: &mut Transaction<'_, Sqlite>, rows: &[Row<'_>]) -> Result<(), sqlx::Error> {
    let now = Utc::now().timestamp_millis();
    let (chunks, rest) = rows.as_chunks::<ROWS>();
    for chunk in chunks {
        insert(tx, chunk, now).await?;
    }
    for row in rest {
        insert(tx, std::slice::from_ref(row), now).await?;
    }
    Ok(())
}

async fn insert(tx: &mut Transaction<'_, Sqlite>, rows: &[Row<'_>], now: i64) -> Result<(), sqlx::Error> {
    let mut insert = QueryBuilder::new(
        "insert into records (topic_id, partition, offset, timestamp_ms, key, value, headers) ",
    );
    insert.push_values(rows, |mut values, row| {
        values
            .push_bind(row.topic_id)
            .push_bind(row.at.partition)
            .push_bind(row.offset)
            .push_bind(row.placed.timestamp_ms.unwrap_or(now))
            .push_bind(row.placed.record.key.as_deref())
            .push_bind(row.placed.record.value.as_deref())
            .push_bind(row.headers.as_deref());
    });
    insert.build().execute(&mut **tx).await.map(drop)
}

async fn delete(
    tx: &mut Transaction<'_, Sqlite>,
    topic_id: i64,
    partition: i32,
    before: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("delete from records where topic_id = ? and partition = ? and offset < ?")
        .bind(topic_id)
        .bind(partition)
        .bind(before)
        .execute(&mut **tx)
        .await?;
    sqlx::query(
        "insert into starts (topic_id, partition, start) values (?, ?, ?)
         on conflict (topic_id, partition) do update set start = max(start, excluded.start)",
    )
    .bind(topic_id)
    .bind(partition)
    .bind(before)
    .execute(&mut **tx)
    .await
    .map(drop)
}

fn reply(batch: Vec<Op>, answers: Vec<Vec<Answer>>, failed: Option<&str>) {
    let mut answers = answers.into_iter();
    for op in batch {
        match op {
            Op::Publish { reply, .. } => {
                let answers = answers.next().unwrap_or_default();
                // Whoever asked may be gone.
                let _ = reply.send(answers.into_iter().map(|answer| unless_failed(answer, failed)).collect());
            }
            Op::Commit { reply, .. } | Op::Delete { reply, .. } => {
                let _ = reply.send(failed.map_or(Ok(()), |reason| Err(reason.to_owned())));
            }
        }
    }
}

fn unless_failed(answer: Answer, failed: Option<&str>) -> Answer {
    match (answer, failed) {
        (Ok(_), Some(reason)) => Err(PublishError::Unavailable(reason.to_owned())),
        (answer, _) => answer,
    }
}
