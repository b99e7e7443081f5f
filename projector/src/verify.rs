//! Whether outbox, tables, log and views say the same.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

use esteira_bus::{Outage, Record, scan};
use esteira_events::{AggregateKind, EventType};
use esteira_outbox::{Published, published};
use esteira_sql::Db;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::compare::{Compared, compare};
use crate::gate::Current;
use crate::history::{Histories, prepare, store_away};
use crate::incoming::Key;
use crate::projector::Projector;
use crate::rebuild::Rebuilt;
use crate::state;

/// How long something that is on its way may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(250);
const PAGE: u32 = 1_000;

/// Where two places disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Where {
    /// The events themselves: a gap, or one that cannot be applied.
    Outbox,
    /// The row of the write side.
    Table,
    /// The document of the query side.
    View,
    /// The topics.
    Log,
}

/// Something that is not as the events say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Difference {
    /// Such as `order 12`.
    pub of: String,
    pub at: Where,
    pub found: String,
    pub expected: String,
}

/// How far a verification is, and what it has found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Verified {
    /// Events and records to read in all, as far as is known.
    pub total: u64,
    pub read: u64,
    pub aggregates: u64,
    /// Views that were brought up to their history.
    pub repaired: u64,
    pub differences: Vec<Difference>,
}

impl Projector {
    /// Folds every history and compares; `repair` replaces views that differ. What is on its way is waited for.
    pub async fn verify(
        &self,
        store: &Db,
        repair: bool,
        mut each: impl FnMut(&Verified) + Send,
    ) -> Result<Verified, Outage> {
        let total = prepare(store, &AggregateKind::ALL).await.map_err(store_away)?;
        let mut verified = Verified { total, ..Verified::default() };
        for kind in AggregateKind::ALL {
            let mut histories = Histories::new(store, self.views.as_ref(), kind);
            while let Some((folded, read)) = histories.next().await? {
                verified.read += read as u64;
                verified.aggregates += folded.len() as u64;
                let compared = compare(store, self.views.as_ref(), folded).await?;
                let suspects = keys(&self.suspects(store, kind, &compared).await?);
                self.look_until_they_agree(store, kind, suspects, repair, &mut verified).await?;
                each(&verified);
            }
        }
        self.verify_log(store, &mut verified, &mut each).await?;
        Ok(verified)
    }

    /// Looks at `suspects` again until they agree or have had their time; what is left then is repaired, or a difference.
    async fn look_until_they_agree(
        &self,
        store: &Db,
        kind: AggregateKind,
        mut suspects: Vec<Key>,
        repair: bool,
        verified: &mut Verified,
    ) -> Result<(), Outage> {
        let started = Instant::now();
        while !suspects.is_empty() && started.elapsed() < PATIENCE {
            tokio::time::sleep(LOOK_AGAIN).await;
            suspects = keys(&self.look_again(store, kind, &suspects).await?);
        }
        if repair && !suspects.is_empty() {
            let mut rebuilt = Rebuilt::default();
            let folded = self.read_again(store, &suspects).await?;
            self.replace(store, folded, &mut rebuilt).await?;
            verified.repaired += rebuilt.replaced;
        }
        let left = self.look_again(store, kind, &suspects).await?;
        verified.differences.extend(left.into_iter().map(|(_, difference)| difference));
        Ok(())
    }

    async fn look_again(
        &self,
        store: &Db,
        kind: AggregateKind,
        suspects: &[Key],
    ) -> Result<Vec<(Key, Difference)>, Outage> {
        let again = self.read_again(store, suspects).await?;
        let compared = compare(store, self.views.as_ref(), again).await?;
        self.suspects(store, kind, &compared).await
    }

    /// What differs in `compared`.
    async fn suspects(
        &self,
        store: &Db,
        kind: AggregateKind,
        compared: &[Compared],
    ) -> Result<Vec<(Key, Difference)>, Outage> {
        let ids: Vec<i64> = compared.iter().map(|it| it.key.1).collect();
        let rows = state::rows(store, kind, &ids).await.map_err(store_away)?;
        let moving = self.moving(store, compared, &rows).await?;
        let mut found = Vec::new();
        for it in compared.iter().filter(|it| !moving.contains(&it.key)) {
            let difference = |at: Where, found: String, expected: String| {
                let of = format!("{} {}", it.key.0, it.key.1);
                (it.key, Difference { of, at, found, expected })
            };
            if let Some(reason) = &it.broken {
                found.push(difference(Where::Outbox, reason.clone(), "a history without a gap".to_owned()));
                continue;
            }
            if kind == AggregateKind::Reservation {
                continue;
            }
            if it.differs() && !it.untold {
                let unreadable = it.unreadable.as_ref().map(|it| it.error.to_string());
                let live = unreadable.unwrap_or_else(|| shown(&it.live));
                found.push(difference(Where::View, live, shown(&it.expected)));
            }
            let row = rows.get(&it.key.1).map(|row| format!("version {}: {}", row.version, row.says));
            let row = row.unwrap_or_else(|| "nothing".to_owned());
            let expected = match &it.expected.view {
                Some(view) => format!("version {}: {}", it.expected.version, state::says(view)),
                None => "nothing".to_owned(),
            };
            if row != expected {
                found.push(difference(Where::Table, row, expected));
            }
        }
        Ok(found)
    }

    /// Those of `compared` whose view or row is ahead of a history that was read before, and that has caught up since.
    async fn moving(
        &self,
        store: &Db,
        compared: &[Compared],
        rows: &BTreeMap<i64, state::Row>,
    ) -> Result<BTreeSet<Key>, Outage> {
        let seen = |it: &Compared| rows.get(&it.key.1).map_or(0, |row| row.version).max(it.live.version);
        let ahead: BTreeMap<Key, i64> = compared
            .iter()
            .filter(|it| it.broken.is_none() && seen(it) > it.expected.version)
            .map(|it| (it.key, seen(it)))
            .collect();
        let keys: Vec<Key> = ahead.keys().copied().collect();
        let again = self.read_again(store, &keys).await?;
        let caught_up =
            again.into_iter().filter(|folded| ahead.get(&folded.key) <= Some(&folded.current.version));
        Ok(caught_up.map(|folded| folded.key).collect())
    }

    /// Every published event is in its topic.
    async fn verify_log(
        &self,
        store: &Db,
        verified: &mut Verified,
        each: &mut (impl FnMut(&Verified) + Send),
    ) -> Result<(), Outage> {
        // Marked as published before the topics are read, so that nothing is looked for that comes later.
        let mut expected: Vec<Published> = Vec::new();
        let mut after = 0;
        loop {
            let page = {
                let mut reader = store.read().await.map_err(store_away)?;
                published(&mut reader.conn(), after, PAGE).await.map_err(store_away)?
            };
            let Some(last) = page.last() else { break };
            after = last.id;
            expected.extend(page);
        }
        verified.total += expected.len() as u64;
        let described = self.log.describe().await?;
        for event_type in EventType::ALL {
            let topic = self.topics.name(event_type);
            let present = self.present_in(&topic, described.partitions(&topic)).await?;
            for row in expected.iter().filter(|row| row.event_type == event_type.as_str()) {
                verified.read += 1;
                let missing = row.event_id.parse().is_ok_and(|id: Uuid| !present.ids.contains(&id));
                if missing && !present.has_let_go_of(row) {
                    let expected = format!("{} in {event_type}", row.event_id);
                    let of = format!("outbox row {}", row.id);
                    let found = "nothing, though it is marked as published".to_owned();
                    verified.differences.push(Difference { of, at: Where::Log, found, expected });
                }
            }
            each(verified);
        }
        Ok(())
    }

    /// What a topic has.
    async fn present_in(&self, topic: &str, partitions: i32) -> Result<Present, Outage> {
        let mut present = Present::default();
        for partition in 0..partitions {
            let mut kept = Kept::default();
            let keep = |record: Record| {
                present.ids.extend(record.event_id());
                if record.is_copy() {
                    kept.add_copy(record.origin().offset);
                }
            };
            scan(self.log.as_ref(), topic, partition, keep).await?;
            kept.start = self.log.start(topic, partition).await?;
            present.partitions.insert(partition, kept);
        }
        Ok(present)
    }
}

#[derive(Debug, Default)]
struct Present {
    /// The ids of its events.
    ids: HashSet<Uuid>,
    partitions: HashMap<i32, Kept>,
}

impl Present {
    /// Whether the topic's retention may have taken what `row` tells. Go does not say where it published.
    fn has_let_go_of(&self, row: &Published) -> bool {
        match (row.partition, row.offset) {
            (Some(partition), Some(offset)) => {
                self.partitions.get(&partition).is_some_and(|kept| kept.has_let_go_of(offset))
            }
            _ => self.partitions.values().any(Kept::has_let_go),
        }
    }
}

/// How far back a partition goes. What an erasure deletes it has published again, so that nothing is missing for that.
#[derive(Debug, Default)]
struct Kept {
    /// The oldest offset that can still be read.
    start: i64,
    /// The first and the last place where records stood that were published again.
    copied: Option<(i64, i64)>,
}

impl Kept {
    fn add_copy(&mut self, origin: i64) {
        let (first, last) = self.copied.unwrap_or((origin, origin));
        self.copied = Some((first.min(origin), last.max(origin)));
    }

    fn has_let_go(&self) -> bool {
        self.copied.map_or(self.start, |(first, _)| first) > 0
    }

    fn has_let_go_of(&self, offset: i64) -> bool {
        let was_copied = self.copied.is_some_and(|(first, last)| (first..=last).contains(&offset));
        offset < self.start && !was_copied
    }
}

fn keys(differences: &[(Key, Difference)]) -> Vec<Key> {
    let mut keys: Vec<Key> = differences.iter().map(|(key, _)| *key).collect();
    keys.dedup();
    keys
}

fn shown(current: &Current) -> String {
    match &current.view {
        Some(view) => match view.document() {
            Ok(document) => Value::Object(document.body).to_string(),
            Err(error) => error.to_string(),
        },
        None if current.deleted => format!("deleted at version {}", current.version),
        None => "nothing".to_owned(),
    }
}
