//! One look at every engine, each with a bounded number of rows and within a bounded time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::Utc;
use esteira_bus::dlq::SetAside;
use esteira_bus::{Group, LogError};
use esteira_events::{EventType, Topics};
use esteira_outbox::{appended, backlog, dispatchers, newest, oldest_refused};
use esteira_views::{ORDERS, PRODUCTS, USERS, ViewsError};

use super::flow::{Meter, per_second};
use super::groups::GroupMemory;
use super::sample::{COUNTED, LogNow, OutboxNow, REFUSED, Sample, ViewsNow};
use super::troubles;
use crate::Desk;

/// How long an engine may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often documents are counted.
const RECOUNT: Duration = Duration::from_secs(10);

/// What a look needs to know of those before it.
#[derive(Default)]
pub(super) struct Memory {
    newest: Option<(Instant, i64)>,
    stored: Meter,
    published: Meter,
    groups: BTreeMap<String, GroupMemory>,
    views: Option<(Instant, ViewsNow)>,
}

impl Memory {
    pub(super) async fn look(&mut self, desk: &Desk) -> Sample {
        let Self { newest, stored, published, groups, views } = self;
        let (outbox, mut log, views, aside) = tokio::join!(
            answer("the write store", outbox(newest, stored, desk)),
            answer("the event log", log(published, groups, desk)),
            answer("the views", documents(views, desk)),
            set_aside(desk),
        );
        for (group, aside) in log.iter_mut().flat_map(|log| &mut log.groups).zip(aside) {
            group.aside = aside;
        }
        if outbox.is_err() {
            *newest = None;
            stored.lost();
        }
        if log.is_err() {
            published.lost();
            groups.clear();
        }
        let stages = desk.console.health.snapshot();
        let mut sample = Sample { at: Utc::now(), outbox, log, views, stages, troubles: Vec::new() };
        sample.troubles = troubles::all(&sample);
        sample
    }
}

async fn answer<T, E: std::fmt::Display>(
    engine: &str,
    look: impl Future<Output = Result<T, E>>,
) -> Result<T, String> {
    match tokio::time::timeout(PATIENCE, look).await {
        Ok(Ok(seen)) => Ok(seen),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer from {engine} within {} s", PATIENCE.as_secs())),
    }
}

/// What each group has set aside: in the write store or the views, whatever becomes of the log.
async fn set_aside(desk: &Desk) -> Vec<Result<Vec<SetAside>, String>> {
    let of_group = async |group: &Group| {
        let store = desk.console.letters.stores.iter().find(|store| store.group() == group.name);
        let Some(store) = store else { return Ok(Vec::new()) };
        answer("the store of what is set aside", async {
            store.set_aside(COUNTED).await.map_err(|away| away.0)
        })
        .await
    };
    futures::future::join_all(desk.console.groups.iter().map(of_group)).await
}

async fn outbox(
    last: &mut Option<(Instant, i64)>,
    stored: &mut Meter,
    desk: &Desk,
) -> Result<OutboxNow, sqlx::Error> {
    let mut reader = desk.db().read().await?;
    let now = Instant::now();
    let newest = newest(&mut reader.conn()).await?;
    let kinds = match *last {
        Some((then, before)) => {
            let kinds = appended(&mut reader.conn(), before, COUNTED).await?;
            let rate = |events| per_second(events, now - then);
            kinds.into_iter().map(|it| (it.aggregate.unwrap_or_default(), rate(it.events))).collect()
        }
        None => Vec::new(),
    };
    *last = Some((now, newest));
    let (waiting, oldest) = backlog(&mut reader.conn(), COUNTED).await?;
    Ok(OutboxNow {
        stored: stored.at(now, newest),
        by_aggregate: kinds,
        waiting,
        oldest: oldest.map(esteira_sql::Timestamp::to_utc),
        refused: oldest_refused(&mut reader.conn(), COUNTED, REFUSED).await?,
        dispatchers: dispatchers(&mut reader.conn()).await?,
    })
}

async fn log(
    published: &mut Meter,
    memories: &mut BTreeMap<String, GroupMemory>,
    desk: &Desk,
) -> Result<LogNow, LogError> {
    let events: Vec<String> = EventType::ALL.iter().map(|event| desk.topics().name(*event)).collect();
    let queues: Vec<String> = events.iter().map(|topic| Topics::dead_letters(topic)).collect();
    let all: Vec<&str> = events.iter().chain(&queues).map(String::as_str).collect();
    let now = Instant::now();
    let mut ends = None;
    let mut groups = Vec::new();
    for group in &desk.console.groups {
        // The first question is for every topic, so that it tells their ends too.
        let own: Vec<&str> = group.topics.iter().map(String::as_str).collect();
        let asked = if ends.is_none() { &all } else { &own };
        let mut lags = desk.log().lag(&group.name, asked).await?;
        ends.get_or_insert_with(|| lags.clone());
        lags.retain(|lag| group.topics.contains(&lag.topic));
        let memory = memories.entry(group.name.clone()).or_default();
        groups.push(memory.look(desk, group, lags, now).await);
    }
    let ends = ends.unwrap_or_default();
    let is_event = |topic: &String| events.contains(topic);
    let count = |wanted: bool| {
        ends.iter().filter(|it| is_event(&it.topic) == wanted).map(|it| it.end - it.start).sum::<i64>()
    };
    let end: i64 = ends.iter().filter(|it| is_event(&it.topic)).map(|it| it.end).sum();
    Ok(LogNow {
        published: published.at(now, end),
        topics: events.len(),
        records: count(true),
        dead: count(false),
        groups,
    })
}

async fn documents(kept: &mut Option<(Instant, ViewsNow)>, desk: &Desk) -> Result<ViewsNow, ViewsError> {
    let described = desk.views().describe().await?;
    if let Some((_, views)) = kept.as_ref().filter(|(at, _)| at.elapsed() < RECOUNT) {
        return Ok(views.clone());
    }
    let mut documents = Vec::new();
    for (name, collection) in [("Users", &USERS), ("Products", &PRODUCTS), ("Orders", &ORDERS)] {
        let count = desk.views().count(collection, &[], COUNTED.into()).await?;
        documents.push((name, collection.name, count.cast_signed()));
    }
    let views = ViewsNow { engine: format!("{} {}", described.engine, described.version), documents };
    *kept = Some((Instant::now(), views.clone()));
    Ok(views)
}
