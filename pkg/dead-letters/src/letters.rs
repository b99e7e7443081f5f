//! Reading the queues, and telling what became of each letter.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use esteira_bus::dlq::{RetryStore, Standing};
use esteira_bus::{DeadLetter, LetterId, Log, LogError, Outage, Record, scan};
use esteira_events::{EventType, Topics};
use esteira_sql::Db;

use crate::decisions::{self, Decision};
use crate::listing::{Filters, Letter, State};

/// Records read at once where a letter has moved.
const PAGE: usize = 1_000;

/// The dead letters of every topic.
#[derive(Clone)]
pub struct DeadLetters {
    pub log: Arc<dyn Log>,
    pub topics: Topics,
    /// Where the decisions are kept.
    pub db: Db,
    /// The retry store of every consumer group.
    pub stores: Vec<Arc<dyn RetryStore>>,
}

/// A letter as it was read.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) letter: DeadLetter,
    /// Where its queue began before it was read: an erasure that publishes the queue again lets it begin later.
    pub(crate) start: i64,
}

/// Why a tool did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum DeadLettersError {
    #[error("there is no dead letter {0}")]
    NotFound(LetterId),
    #[error("{0} is no dead letter that can be read: {1}")]
    Unreadable(LetterId, String),
    #[error("{0} cannot be redriven, it would fail as it did: {1}")]
    Undecodable(LetterId, String),
    #[error("{0} cannot be redriven, another record waits in its place: {1}")]
    Taken(LetterId, String),
    #[error("{0} cannot be redriven, no consumer group here is or reads {1}")]
    Nobody(LetterId, String),
    #[error("{0}")]
    Unavailable(String),
}

impl From<LogError> for DeadLettersError {
    fn from(error: LogError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<Outage> for DeadLettersError {
    fn from(Outage(reason): Outage) -> Self {
        Self::Unavailable(reason)
    }
}

impl From<sqlx::Error> for DeadLettersError {
    fn from(error: sqlx::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl DeadLetters {
    /// The letters that `filters` mean, oldest first. A record that was given up again has its newest letter.
    pub async fn list(&self, filters: &Filters) -> Result<Vec<Letter>, DeadLettersError> {
        Ok(self.read(filters).await?.into_iter().map(|(_, letter)| letter).collect())
    }

    pub(crate) async fn read(&self, filters: &Filters) -> Result<Vec<(Found, Letter)>, DeadLettersError> {
        let mut read = self.with_states(newest(self.read_all(filters).await?)).await?;
        read.retain(|(_, listed)| filters.hold(listed));
        read.sort_by(|(one, _), (other, _)| age(&one.letter).cmp(&age(&other.letter)));
        Ok(read)
    }

    /// Every letter of the topics that `filters` mean; one that is published again right now comes twice, as it is now
    /// last.
    pub(crate) async fn read_all(&self, filters: &Filters) -> Result<Vec<Found>, DeadLettersError> {
        let mut letters = Vec::new();
        let described = self.log.describe().await?;
        for topic in EventType::ALL.map(|event| self.topics.name(event)) {
            if filters.topic.as_ref().is_some_and(|wanted| *wanted != topic) {
                continue;
            }
            let queue = Topics::dead_letters(&topic);
            for partition in 0..described.partitions(&queue) {
                let start = self.log.start(&queue, partition).await?;
                let keep = |record: Record| match DeadLetter::read(&record) {
                    Ok(letter) => letters.push(Found { letter, start }),
                    Err(error) => {
                        tracing::warn!(letter = %LetterId::of(&record), %error, "not a dead letter that can be read");
                    }
                };
                scan(self.log.as_ref(), &queue, partition, keep).await?;
            }
        }
        Ok(letters)
    }

    /// One letter.
    pub(crate) async fn find(&self, id: &LetterId) -> Result<(Found, Letter), DeadLettersError> {
        let found = match self.look_up(id).await {
            Err(LogError::Invalid(_)) => None,
            found => found?,
        };
        let (record, start) = found.ok_or_else(|| DeadLettersError::NotFound(id.clone()))?;
        let letter = DeadLetter::read(&record)
            .map_err(|error| DeadLettersError::Unreadable(id.clone(), error.to_string()))?;
        let found = self.with_states(vec![Found { letter, start }]).await?.pop();
        found.ok_or_else(|| DeadLettersError::NotFound(id.clone()))
    }

    /// The record of a letter, and where its queue began before it was read.
    async fn look_up(&self, id: &LetterId) -> Result<Option<(Record, i64)>, LogError> {
        let start = self.log.start(&id.topic, id.partition).await?;
        Ok(self.record_of(id).await?.map(|record| (record, start)))
    }

    /// Whether the queue of `found` was published again since that was read.
    pub(crate) async fn is_outdated(&self, Found { letter, start }: &Found) -> Result<bool, LogError> {
        Ok(self.log.start(&letter.id.topic, letter.id.partition).await? != *start)
    }

    /// The letter at its place, or wherever it was published again.
    async fn record_of(&self, id: &LetterId) -> Result<Option<Record>, LogError> {
        // Mostly it is where it was put.
        let (mut next, mut most) = (id.offset, 1);
        loop {
            let page = self.log.read(&id.topic, id.partition, next, most).await?;
            let Some(last) = page.last() else { return Ok(None) };
            (next, most) = (last.offset + 1, PAGE);
            if let Some(found) = page.into_iter().find(|record| LetterId::of(record) == *id) {
                return Ok(Some(found));
            }
        }
    }

    /// The stores that `letter` goes back to: the group's that gave it up, or those of all that read its topic.
    pub(crate) fn stores_of<'a>(
        &'a self,
        letter: &'a DeadLetter,
    ) -> impl Iterator<Item = &'a Arc<dyn RetryStore>> {
        let of_group = |store: &&Arc<dyn RetryStore>| match &letter.group {
            Some(group) => store.group() == group,
            None => store.reads(&letter.original.topic),
        };
        self.stores.iter().filter(of_group)
    }

    pub(crate) async fn with_states(
        &self,
        found: Vec<Found>,
    ) -> Result<Vec<(Found, Letter)>, DeadLettersError> {
        let ids: Vec<String> = found.iter().map(|found| found.letter.id.to_string()).collect();
        let decisions = decisions::of(&self.db, &ids).await?;
        let mut standings: Vec<Vec<Standing>> = vec![Vec::new(); found.len()];
        for store in &self.stores {
            let of_store =
                |found: &Found| self.stores_of(&found.letter).any(|other| other.group() == store.group());
            let places: Vec<usize> = (0..found.len()).filter(|place| of_store(&found[*place])).collect();
            if places.is_empty() {
                continue;
            }
            let records: Vec<Record> =
                places.iter().map(|place| found[*place].letter.original.clone()).collect();
            for (place, standing) in places.into_iter().zip(store.standing(&records).await?) {
                standings[place].extend(standing);
            }
        }
        let listed = found.into_iter().zip(standings).map(|(found, standings)| {
            let letter = &found.letter;
            let decision = decisions.get(&letter.id.to_string());
            let known = self.stores_of(letter).next().is_some();
            let state = state(letter, known, &standings, decision.map(|(decision, _)| *decision));
            let reason = decision.filter(|_| state == State::Discarded).map(|(_, reason)| reason.clone());
            let listed = Letter::of(letter, &self.topics, state, reason);
            (found, listed)
        });
        Ok(listed.collect())
    }
}

/// What letters are sorted by.
pub(crate) fn age(letter: &DeadLetter) -> (Option<DateTime<Utc>>, &LetterId) {
    (letter.dead_at, &letter.id)
}

/// `known` tells whether a group of ours is meant.
fn state(letter: &DeadLetter, known: bool, standings: &[Standing], decision: Option<Decision>) -> State {
    let any = |wanted: Standing| standings.contains(&wanted);
    if any(Standing::Dead) {
        // Also where a decision about it was broken off.
        State::Open
    } else if decision == Some(Decision::Discard) || any(Standing::Discarded) {
        State::Discarded
    } else if any(Standing::Waiting) {
        State::Redriving
    } else if known && (decision == Some(Decision::Redrive) || letter.group.is_some()) {
        // A group forgets a record that it gave up only once it has applied it.
        State::Applied
    } else {
        State::Open
    }
}

/// Of letters of the same record and group, the last one. Go's letters do not tell which record they are of.
fn newest(found: Vec<Found>) -> Vec<Found> {
    let mut newest = HashMap::new();
    for found in found {
        let Found { letter, .. } = &found;
        let key = (letter.group.clone(), letter.original.identity());
        newest
            .entry(key)
            .and_modify(|known: &mut Found| {
                if known.letter.dead_at <= letter.dead_at {
                    *known = found.clone();
                }
            })
            .or_insert(found);
    }
    newest.into_values().collect()
}
