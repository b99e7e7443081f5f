//! One erasure, from the first look to the last.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use esteira_bus::{Group, LetterId, Log, LogError, PartitionLag};
use esteira_events::Topics;
use esteira_outbox::{Lease, LeaseError, acquire, release};
use esteira_sql::Db;
use esteira_views::{Views, ViewsError};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::erasures::{self, Entry};
use crate::log::{Met, Partition, Scanned, Topic};
use crate::outbox::{self, Rows};
use crate::parked::{erase_of_projectors, erase_of_reactions};
use crate::people::People;
use crate::rows::{Row, RowError, UserRows};
use crate::{tables, views};

/// One erasure works at a time, or two would publish one partition again side by side.
const LEASE: &str = "erasure";
const LEASE_TTL: Duration = Duration::from_secs(15);
/// Longer than one that was killed keeps the lease.
const LEASE_PATIENCE: Duration = Duration::from_secs(20);
/// What is on its way while a pass works is found by the next one.
const PASSES: usize = 10;
/// How long a consumer group that does not move is waited for.
const STANDSTILL: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Erases people's data from every store.
#[derive(Clone)]
pub struct Erasure {
    pub db: Db,
    pub log: Arc<dyn Log>,
    pub views: Arc<dyn Views>,
    pub topics: Topics,
    /// The consumer groups of the platform.
    pub groups: Vec<Group>,
}

/// Whom to erase. Whoever's erasure was broken off is erased too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    pub users: Vec<i64>,
    /// Kept in table `erasures`; must not name them.
    pub reason: String,
    /// Everybody who was ever erased, too: a backup has brought them back.
    pub again: bool,
    /// Change nothing, and count.
    pub dry_run: bool,
}

/// How far an erasure is, and what it has found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Erased {
    /// Also those whose erasure was broken off before.
    pub users: Vec<i64>,
    /// Who was not erased; that keeps nobody else.
    pub refused: Vec<Refused>,
    /// Records of the log to read in all, as far as is known, and how many were read.
    pub total: u64,
    pub read: u64,
    /// Events of the outbox, and what was given up of it.
    pub events: u64,
    /// Answers that are kept for retries.
    pub answers: u64,
    /// Records in retry stores.
    pub parked: u64,
    /// Reasons of decisions about dead letters.
    pub decisions: u64,
    /// Records of the log, dead letters included.
    pub records: u64,
    /// Partitions that were published again for that, and their records.
    pub partitions: u64,
    pub published_again: u64,
    /// Documents of the views.
    pub documents: u64,
    /// Consumer groups that have not read past what was deleted, and stand still.
    pub behind: Vec<String>,
}

impl Erased {
    fn found(&self) -> u64 {
        self.events + self.answers + self.parked + self.decisions + self.records + self.documents
    }
}

/// A user who was not erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Refused {
    pub user_id: i64,
    /// Such as the orders of theirs that are open.
    pub reason: String,
}

/// Why nothing, or not everything, was erased. It can be run again at any time.
#[derive(Debug, thiserror::Error)]
pub enum ErasureError {
    #[error("another erasure is at work: wait until it is done")]
    Busy,
    #[error(
        "rows of the outbox about {0} are still waiting to be published, see `esteira outbox list`: run it again then"
    )]
    Unpublished(String),
    #[error(
        "data of {0} still comes from somewhere after {PASSES} passes: run it again when the platform is quiet"
    )]
    Restless(String),
    #[error("the erasure was interrupted, run it again: {0}")]
    Unavailable(String),
}

impl From<RowError> for ErasureError {
    fn from(error: RowError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<LogError> for ErasureError {
    fn from(error: LogError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<sqlx::Error> for ErasureError {
    fn from(error: sqlx::Error) -> Self {
        Self::Unavailable(format!("the write store: {error}"))
    }
}

impl From<ViewsError> for ErasureError {
    fn from(error: ViewsError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<LeaseError> for ErasureError {
    fn from(error: LeaseError) -> Self {
        match error {
            LeaseError::Lost(_) => Self::Busy,
            LeaseError::Sql(error) => error.into(),
        }
    }
}

type Each<'a> = &'a mut (dyn FnMut(&Erased) + Send);

impl Erasure {
    /// Every erasure that was asked for.
    pub async fn list(&self) -> Result<Vec<Entry>, ErasureError> {
        Ok(erasures::all(&mut self.db.read().await?.conn()).await?)
    }

    /// Erases whom `wish` means, their `rows` first.
    pub async fn run(
        &self,
        wish: &Wish,
        rows: &dyn UserRows,
        mut each: impl FnMut(&Erased) + Send,
    ) -> Result<Erased, ErasureError> {
        let owner = Uuid::new_v4().to_string();
        let mut lease = self.turn(&owner).await?;
        let mut work =
            Work { of: self, dry: wish.dry_run, people: People::default(), erased: Erased::default() };
        // By itself, since a single statement may take longer than the lease lasts.
        let outcome = tokio::select! {
            outcome = work.all(wish, rows, &mut each) => outcome,
            error = self.keep(&mut lease) => Err(error),
        };
        if let Err(error) = release(&self.db, lease).await {
            tracing::warn!(%error, "the lease of erasures could not be given up");
        }
        outcome?;
        Ok(work.erased)
    }

    /// Renews the lease until that fails.
    async fn keep(&self, lease: &mut Lease) -> ErasureError {
        loop {
            sleep(LEASE_TTL / 3).await;
            if let Err(error) = lease.renew(&self.db).await {
                return error.into();
            }
        }
    }

    async fn turn(&self, owner: &str) -> Result<Lease, ErasureError> {
        let started = Instant::now();
        loop {
            if let Some(lease) = acquire(&self.db, LEASE, owner, LEASE_TTL).await? {
                return Ok(lease);
            }
            if started.elapsed() > LEASE_PATIENCE {
                return Err(ErasureError::Busy);
            }
            sleep(LOOK_AGAIN).await;
        }
    }
}

/// An erasure at work.
struct Work<'a> {
    of: &'a Erasure,
    dry: bool,
    people: People,
    erased: Erased,
}

impl Work<'_> {
    async fn all(&mut self, wish: &Wish, rows: &dyn UserRows, each: Each<'_>) -> Result<(), ErasureError> {
        self.meet(wish, rows).await?;
        if self.erased.users.is_empty() {
            return Ok(());
        }
        for _ in 0..PASSES {
            let before = self.erased.found();
            self.pass(each).await?;
            if self.dry {
                return Ok(());
            }
            if self.erased.found() == before {
                return self.complete().await;
            }
        }
        Err(ErasureError::Restless(self.names()))
    }

    /// Learns whom it is about, puts that down before anything changes, and erases their rows.
    async fn meet(&mut self, wish: &Wish, rows: &dyn UserRows) -> Result<(), ErasureError> {
        let db = &self.of.db;
        let entries = self.of.list().await?;
        let more = entries.iter().filter(|entry| wish.again || entry.erased_at.is_none());
        let asked: BTreeSet<i64> =
            wish.users.iter().copied().chain(more.map(|entry| entry.user_id)).collect();
        let mut people = People::new(asked.iter().copied());
        let mut known = outbox::learn(db, &mut people).await?;
        // One that was only asked for may be nobody.
        known.extend(entries.iter().filter(|entry| entry.erased_at.is_some()).map(|entry| entry.user_id));
        if !self.dry {
            let reason = people.without_names(&wish.reason).unwrap_or_else(|| wish.reason.clone());
            erasures::request(db, &people.ids(), &reason).await?;
        }
        for id in asked {
            // What was asked for before stays asked for, but of nobody.
            let (reason, is_asked_for) = match rows.erase(id, self.dry).await {
                Ok(Row::Absent) if !known.contains(&id) => {
                    (format!("there is no user {id}: no row, no event and no erasure"), false)
                }
                Ok(Row::Erased | Row::Absent) => {
                    self.erased.users.push(id);
                    continue;
                }
                Err(RowError::Refused(reason)) => (reason, entries.iter().any(|entry| entry.user_id == id)),
                Err(error @ RowError::Unavailable(_)) => return Err(error.into()),
            };
            self.erased.refused.push(Refused { user_id: id, reason });
            if !self.dry && !is_asked_for {
                erasures::withdraw(db, id).await?;
            }
        }
        self.people = People::new(self.erased.users.iter().copied());
        // Also what they were called until their rows were erased.
        outbox::learn(db, &mut self.people).await?;
        Ok(())
    }

    /// Once through every store, in the direction in which data flows. What is published already goes last: the outbox
    /// alone knows what their names and emails were, also after a crash.
    async fn pass(&mut self, each: Each<'_>) -> Result<(), ErasureError> {
        let db = &self.of.db;
        let waiting = outbox::erase(db, &self.people, Rows::Waiting, self.dry).await?;
        self.erased.events += waiting.changed + tables::erase_skipped(db, &self.people, self.dry).await?;
        if !self.dry && !outbox::out_of_hand(db, &waiting.rows).await? {
            return Err(ErasureError::Unpublished(self.names()));
        }
        self.erased.answers += tables::erase_answers(db, &self.people, self.dry).await?;
        self.parked().await?;
        each(&self.erased);
        let letters = self.log(each).await?;
        self.erased.decisions += tables::erase_decisions(db, &self.people, &letters, self.dry).await?;
        if !self.dry {
            // Whatever consumers had in hand is in the retry stores and views now, and so is each letter that was handed in
            // before its queue was cut; whoever does that later sees the cut.
            self.parked().await?;
        }
        self.erased.documents += views::erase(self.of.views.as_ref(), &self.people, self.dry).await?;
        self.erased.events += outbox::erase(db, &self.people, Rows::Published, self.dry).await?.changed;
        each(&self.erased);
        Ok(())
    }

    async fn parked(&mut self) -> Result<(), ErasureError> {
        let Erasure { db, views, topics, .. } = self.of;
        self.erased.parked += erase_of_reactions(db, &self.people, topics, self.dry).await?;
        self.erased.parked += erase_of_projectors(views.as_ref(), &self.people, topics, self.dry).await?;
        Ok(())
    }

    /// The dead letters that are about them.
    async fn log(&mut self, each: Each<'_>) -> Result<BTreeSet<LetterId>, ErasureError> {
        let people = self.people.clone();
        let topic = Topic { log: &self.of.log, db: &self.of.db, topics: &self.of.topics, people: &people };
        let (partitions, records) = self.filled(topic.partitions().await?).await?;
        self.erased.total = self.erased.read + records;
        let mut letters = BTreeSet::new();
        let mut deleted = Vec::new();
        for at in partitions {
            let mut scanned = Scanned::default();
            loop {
                let read = topic.scan(&at, &mut scanned).await?;
                if read == 0 {
                    break;
                }
                self.erased.read += read;
                each(&self.erased);
            }
            if scanned.hits > 0 {
                self.erased.records += scanned.hits;
                self.erased.partitions += 1;
                if !self.dry {
                    self.rewrite(&topic, &at, &scanned).await?;
                }
                deleted.push((at, scanned.end));
            }
            letters.append(&mut scanned.letters);
        }
        if !self.dry {
            self.erased.behind = self.behind(&deleted).await?;
        }
        Ok(letters)
    }

    async fn rewrite(
        &mut self,
        topic: &Topic<'_>,
        at: &Partition,
        scanned: &Scanned,
    ) -> Result<(), ErasureError> {
        let (mut next, mut met) = (scanned.start, Met::default());
        while let Some((after, published)) = topic.copy(at, scanned, next, &mut met).await? {
            next = after;
            self.erased.published_again += published;
        }
        topic.cut(at, scanned).await
    }

    /// Those of `partitions` that have records, and how many there are.
    async fn filled(&self, partitions: Vec<Partition>) -> Result<(Vec<Partition>, u64), ErasureError> {
        let topics: BTreeSet<&str> = partitions.iter().map(|at| at.topic.as_str()).collect();
        let topics: Vec<&str> = topics.into_iter().collect();
        if topics.is_empty() {
            return Ok((partitions, 0));
        }
        // Any group will do: only where the partitions begin and end is asked for.
        let group = self.of.groups.first().map_or(LEASE, |group| group.name.as_str());
        let places = self.of.log.lag(group, &topics).await?;
        let records = |place: &PartitionLag| (place.end - place.start).max(0).unsigned_abs();
        let total = places.iter().map(records).sum();
        let filled = places.into_iter().filter(|place| records(place) > 0);
        let filled = filled.map(|place| Partition { topic: place.topic, number: place.partition }).collect();
        Ok((filled, total))
    }

    /// Waits until every group has committed what was `deleted`, so that none of it is in hand any more; those that stand
    /// still before it.
    async fn behind(&mut self, deleted: &[(Partition, i64)]) -> Result<Vec<String>, ErasureError> {
        let mut behind = self.erased.behind.clone();
        if deleted.is_empty() {
            return Ok(behind);
        }
        for group in &self.of.groups {
            let (mut seen, mut moved) = (None, Instant::now());
            loop {
                let committed = self.committed(group, deleted).await?;
                let waits = |(at, end): &&(Partition, i64)| {
                    committed.get(at).is_some_and(|committed| *committed < *end)
                };
                if !deleted.iter().any(|it| waits(&it)) {
                    behind.retain(|other| *other != group.name);
                    break;
                }
                if seen.as_ref() != Some(&committed) {
                    (seen, moved) = (Some(committed), Instant::now());
                } else if moved.elapsed() > STANDSTILL {
                    behind.retain(|other| *other != group.name);
                    behind.push(group.name.clone());
                    break;
                }
                sleep(LOOK_AGAIN).await;
            }
        }
        Ok(behind)
    }

    /// What `group` has committed of the partitions that it reads: up to the start where it never has.
    async fn committed(
        &self,
        group: &Group,
        deleted: &[(Partition, i64)],
    ) -> Result<HashMap<Partition, i64>, ErasureError> {
        let is_deleted = |topic: &&str| deleted.iter().any(|(at, _)| at.topic == *topic);
        let topics: Vec<&str> = group.topics.iter().map(String::as_str).filter(is_deleted).collect();
        if topics.is_empty() {
            return Ok(HashMap::new());
        }
        let places = self.of.log.lag(&group.name, &topics).await?;
        let place = |PartitionLag { topic, partition: number, committed, .. }| {
            (Partition { topic, number }, committed.unwrap_or(0))
        };
        Ok(places.into_iter().map(place).collect())
    }

    async fn complete(&mut self) -> Result<(), ErasureError> {
        self.of.db.scrub().await?;
        self.of.log.scrub().await?;
        self.of.views.scrub().await?;
        erasures::complete(&self.of.db, &self.people.ids()).await?;
        for user_id in self.people.ids() {
            tracing::info!(user_id, "user erased");
        }
        Ok(())
    }

    fn names(&self) -> String {
        let ids: Vec<String> = self.people.ids().iter().map(i64::to_string).collect();
        format!("user {}", ids.join(", "))
    }
}
