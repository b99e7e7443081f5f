//! The view that an aggregate's history gives, for every aggregate of a kind.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use esteira_bus::{Outage, Record};
use esteira_events::{AggregateKind, Event};
use esteira_outbox::{OutboxRow, Place, count, histories, history_of, name_rows_of_go, unsequenced};
use esteira_sql::Db;
use esteira_views::Views;

use crate::dead::away;
use crate::enrich::{self, is_bare};
use crate::gate::{self, Current, Verdict};
use crate::incoming::{Incoming, Key, by_key};

/// Rows read at once.
const PAGE: u32 = 2_000;

/// What a history gives.
#[derive(Clone, Debug)]
pub(crate) struct Folded {
    pub(crate) key: Key,
    pub(crate) current: Current,
    /// Why the history does not go on, where it has a gap or an event that cannot be applied.
    pub(crate) broken: Option<String>,
    /// Whether the creation came without what it refers to, as Go's do.
    pub(crate) bare: bool,
    /// The events of a history without its creation: they go on from the view as it is.
    pub(crate) headless: Vec<Event>,
    /// Events without a sequence, by time; each goes before the first sequenced one that occurred later.
    unsequenced: VecDeque<Event>,
}

impl Folded {
    fn new(key: Key, mut unsequenced: Vec<Event>) -> Self {
        unsequenced.sort_by_key(|event| event.meta.occurred_at);
        Self {
            key,
            current: Current::default(),
            broken: None,
            bare: false,
            headless: Vec::new(),
            unsequenced: unsequenced.into(),
        }
    }

    fn push(&mut self, event: &Event) {
        while let Some(earlier) = self.unsequenced.pop_front_if(|other| {
            event.sequence() != Some(1) && other.meta.occurred_at < event.meta.occurred_at
        }) {
            self.pass(&earlier);
        }
        self.pass(event);
    }

    fn finish(&mut self) {
        while let Some(event) = self.unsequenced.pop_front() {
            self.pass(&event);
        }
    }

    fn pass(&mut self, event: &Event) {
        if self.broken.is_some() {
            return;
        }
        let begun = self.current.version > 0 || self.current.deleted;
        if !self.headless.is_empty() || (!begun && event.sequence() != Some(1)) {
            self.headless.push(event.clone());
            return;
        }
        self.step(event);
    }

    /// Goes on from `live` where the history has no creation; a document without a version counts as created. `kept` are
    /// unsequenced events that it has and no longer remembers.
    pub(crate) fn go_on_from(&mut self, live: &Current, kept: BTreeSet<String>) {
        if self.headless.is_empty() || self.broken.is_some() {
            return;
        }
        self.current = Current { recalled: kept, ..live.clone() };
        match &mut self.current.view {
            Some(view) => {
                self.current.version = self.current.version.max(1);
                view.set_version(self.current.version);
            }
            None if live.deleted => {}
            None => self.broken = Some("its creation is missing".to_owned()),
        }
        for event in std::mem::take(&mut self.headless) {
            self.step(&event);
        }
    }

    fn step(&mut self, event: &Event) {
        if self.broken.is_some() {
            return;
        }
        let place = event.sequence().map_or_else(String::new, |sequence| format!(" {sequence}"));
        let what = event.event_type();
        if self.key.0 == AggregateKind::Reservation {
            // It has no view: only its sequence counts.
            let next = self.current.version + 1;
            match event.sequence() {
                Some(sequence) if sequence == next => self.current.version = next,
                _ => self.broken = Some(format!("an event is missing before {what}{place}")),
            }
            return;
        }
        match gate::pass(&mut self.current, event) {
            Verdict::Applied | Verdict::Skipped => {}
            Verdict::Early => self.broken = Some(format!("an event is missing before {what}{place}")),
            Verdict::Failed(error) => self.broken = Some(format!("{what}{place}: {error}")),
        }
    }
}

/// Sees to it that the rows of Go belong to a history; how many events `kinds` have.
pub(crate) async fn prepare(store: &Db, kinds: &[AggregateKind]) -> Result<u64, sqlx::Error> {
    name_rows_of_go(store).await?;
    let mut reader = store.read().await?;
    let mut events = 0;
    for kind in kinds {
        events += count(&mut reader.conn(), *kind).await?.unsigned_abs();
    }
    Ok(events)
}

/// Reads the histories of one kind, in order of the aggregates' ids.
pub(crate) struct Histories<'a> {
    pub(crate) store: &'a Db,
    pub(crate) views: &'a dyn Views,
    pub(crate) kind: AggregateKind,
    after: Place,
    /// The last aggregate read, whose history may go on in the next page.
    open: Option<Folded>,
    ended: bool,
    /// Whether only the aggregate at hand is read.
    alone: bool,
}

impl<'a> Histories<'a> {
    pub(crate) fn new(store: &'a Db, views: &'a dyn Views, kind: AggregateKind) -> Self {
        Self { store, views, kind, after: (0, 0), open: None, ended: false, alone: false }
    }

    /// The history of one aggregate; none where there is no event of it.
    pub(crate) async fn of_one(
        store: &Db,
        views: &dyn Views,
        kind: AggregateKind,
        id: i64,
    ) -> Result<Option<Folded>, Outage> {
        let mut histories = Histories { after: (id, 0), alone: true, ..Histories::new(store, views, kind) };
        while let Some((folded, _)) = histories.next().await? {
            // A page may end within it, and go on behind it.
            if let Some(first) = folded.into_iter().next() {
                return Ok(Some(first).filter(|first| first.key.1 == id));
            }
        }
        Ok(None)
    }

    /// The next histories that are complete, and how many rows were read for them; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<(Vec<Folded>, usize)>, Outage> {
        if self.ended {
            return Ok(None);
        }
        let rows = {
            let mut reader = self.store.read().await.map_err(store_away)?;
            let rows = if self.alone {
                history_of(&mut reader.conn(), self.kind, self.after, PAGE).await
            } else {
                histories(&mut reader.conn(), self.kind, self.after, PAGE).await
            };
            rows.map_err(store_away)?
        };
        let read = rows.len();
        self.ended = read < PAGE as usize;
        if let Some(last) = rows.last() {
            self.after = (last.aggregate_id.unwrap_or_default(), last.sequence.unwrap_or_default());
        }
        let mut folded = self.fold(rows).await?;
        if !self.ended {
            self.open = folded.pop();
        }
        folded.iter_mut().for_each(Folded::finish);
        Ok(Some((folded, read)))
    }

    async fn fold(&mut self, rows: Vec<OutboxRow>) -> Result<Vec<Folded>, Outage> {
        let mut folded: Vec<Folded> = self.open.take().into_iter().collect();
        let known = folded.last().map(|open| open.key.1);
        let mut ids: Vec<i64> =
            rows.iter().filter_map(|row| row.aggregate_id).filter(|id| Some(*id) != known).collect();
        ids.dedup();
        let mut others = self.unsequenced(&ids).await?;
        let mut events: Vec<(i64, Result<Event, String>)> = Vec::with_capacity(rows.len());
        for row in &rows {
            events.push((row.aggregate_id.unwrap_or_default(), row.event()));
        }
        let bare = self.enrich(&mut events).await?;
        for (id, event) in events {
            if folded.last().is_none_or(|last| last.key.1 != id) {
                folded.push(Folded::new((self.kind, id), others.remove(&id).unwrap_or_default()));
            }
            let Some(last) = folded.last_mut() else { continue };
            last.bare |= bare.contains(&id);
            match event {
                Ok(event) => last.push(&event),
                Err(error) => {
                    last.broken.get_or_insert(error);
                }
            }
        }
        Ok(folded)
    }

    async fn unsequenced(&self, ids: &[i64]) -> Result<BTreeMap<i64, Vec<Event>>, Outage> {
        let mut reader = self.store.read().await.map_err(store_away)?;
        let rows = unsequenced(&mut reader.conn(), self.kind, ids).await.map_err(store_away)?;
        let mut events = BTreeMap::<i64, Vec<Event>>::new();
        for row in rows {
            // What is no event changes no view.
            if let (Some(id), Ok(event)) = (row.aggregate_id, row.event()) {
                events.entry(id).or_default().push(event);
            }
        }
        Ok(events)
    }

    /// Fills in what Go's creations of orders do not say; the ids of those orders.
    async fn enrich(&self, events: &mut [(i64, Result<Event, String>)]) -> Result<BTreeSet<i64>, Outage> {
        let bare = events.iter().filter_map(|(_, event)| event.as_ref().ok()).filter(|event| is_bare(event));
        let mut pending = by_key(bare.map(|event| Incoming::new(event.clone(), nowhere())));
        enrich::enrich(self.views, &mut pending).await.map_err(away)?;
        for (id, event) in events {
            let enriched = pending.get(&(self.kind, *id)).and_then(|events| events.first());
            if let (Ok(event), Some(enriched)) = (event, enriched)
                && is_bare(event)
            {
                *event = enriched.event.clone();
            }
        }
        Ok(pending.into_keys().map(|(_, id)| id).collect())
    }
}

/// An event that comes from no topic.
fn nowhere() -> Record {
    Record {
        topic: String::new(),
        partition: -1,
        offset: -1,
        timestamp_ms: None,
        key: None,
        value: None,
        headers: Vec::new(),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
pub(crate) fn store_away(error: sqlx::Error) -> Outage {
    Outage(format!("the write store is not available: {error}"))
}
