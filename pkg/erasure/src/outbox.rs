//! The outbox: events are rewritten where they stand.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use esteira_events::AggregateKind;
use esteira_outbox::is_dispatched;
use esteira_sql::{Conn, Db, Fault, bulk, fault, on};
use serde_json::Value;
use sqlx::QueryBuilder;
use sqlx::types::Json;
use tokio::time::sleep;

use crate::people::{Found, People};

const PAGE: u32 = 500;
/// The people that one statement looks for.
const TOGETHER: usize = 16;
/// How long rows that a dispatcher may have in hand may take to be published.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long somebody else may hold rows that are to be changed.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

esteira_sql::row! {
    /// A row that may be about them.
    struct Row {
        id: i64,
        aggregate: Option<String>,
        aggregate_id: Option<i64>,
        payload: Json<Value>,
    }
}

const COLUMNS: &str = "cast(id as signed) as id, aggregate, aggregate_id, payload";

/// Which rows are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    /// Yet to be published.
    Waiting,
    Published,
}

impl Rows {
    fn condition(self) -> &'static str {
        match self {
            Self::Waiting => "processed_at is null",
            Self::Published => "processed_at is not null",
        }
    }
}

/// The rows that are about them: how many, and the ids.
#[derive(Debug, Default)]
pub(crate) struct Concerned {
    pub(crate) rows: Vec<i64>,
    pub(crate) changed: u64,
}

/// Remembers what the outbox says of their names and emails; who of them has a history there.
pub(crate) async fn learn(db: &Db, people: &mut People) -> Result<BTreeSet<i64>, sqlx::Error> {
    let mut known = BTreeSet::new();
    for kind in [Rows::Waiting, Rows::Published] {
        for ids in people.ids().chunks(TOGETHER) {
            let mut after = 0;
            while let Some((page, last)) = page(db, kind, ids, after).await? {
                after = last;
                known.extend(page.iter().filter_map(|row| whose(row, people)));
                for row in &page {
                    people.learn(&row.payload.0);
                }
            }
        }
    }
    Ok(known)
}

/// Of whose history it is, if of one of them.
fn whose(row: &Row, people: &People) -> Option<i64> {
    let user = row.aggregate.as_deref() == Some(AggregateKind::User.as_str());
    let named = user.then_some(row.aggregate_id).flatten();
    let id = named.or_else(|| row.payload.0.pointer("/user/id").and_then(Value::as_i64));
    id.filter(|id| people.has(*id))
}

/// Takes them out of the events of `kind`, or with `dry` only counts.
pub(crate) async fn erase(db: &Db, people: &People, kind: Rows, dry: bool) -> Result<Concerned, sqlx::Error> {
    let mut concerned = Concerned::default();
    for ids in people.ids().chunks(TOGETHER) {
        let mut after = 0;
        while let Some((page, last)) = page(db, kind, ids, after).await? {
            after = last;
            let mut changed = Vec::new();
            for mut row in page {
                let found = erase_row(people, &mut row);
                if found.concerned {
                    concerned.rows.push(row.id);
                }
                if found.changed {
                    changed.push(row.id);
                }
            }
            concerned.changed += changed.len() as u64;
            if !dry {
                rewrite(db, people, &changed).await?;
            }
        }
    }
    Ok(concerned)
}

fn erase_row(people: &People, row: &mut Row) -> Found {
    let mut found = people.erase(&mut row.payload.0);
    if whose(row, people).is_some() {
        found.concerned = true;
        found.changed |= erase_reason(people, &mut row.payload.0);
    }
    found
}

/// An operator may have named them when their event was given up.
fn erase_reason(people: &People, payload: &mut Value) -> bool {
    let Some(Value::String(reason)) = payload.pointer_mut("/skipped/reason") else { return false };
    let Some(without) = people.without_names(reason) else { return false };
    *reason = without;
    true
}

/// Rows that may be about `ids`, by their text: the engines write JSON with and without a space. `None` at the end.
async fn page(db: &Db, kind: Rows, ids: &[i64], after: i64) -> Result<Option<(Vec<Row>, i64)>, sqlx::Error> {
    let mut reader = db.read().await?;
    let condition = kind.condition();
    let rows: Vec<Row> = on!(&mut reader.conn(), c => {
        let mut query = QueryBuilder::new(format!(
            "select {COLUMNS} from outbox where {condition} and outbox.id > "
        ));
        query.push_bind(after).push(" and (");
        for id in ids {
            query.push("(payload like '%\"user\"%' and (payload like ").push_bind(format!("%\"id\":{id}%"));
            query.push(" or payload like ").push_bind(format!("%\"id\": {id}%")).push(")) or ");
        }
        query.push("(aggregate = 'user' and aggregate_id in ");
        bulk::push_list(&mut query, ids);
        query.push(")) order by outbox.id limit ").push_bind(PAGE);
        query.build_query_as().fetch_all(&mut *c).await
    })?;
    Ok(rows.last().map(|row| row.id).map(|last| (rows, last)))
}

/// Takes them out of the events `ids` as they are by now: an operator may have given one of them up.
async fn rewrite(db: &Db, people: &People, ids: &[i64]) -> Result<(), sqlx::Error> {
    for ids in bulk::key_lists(ids) {
        let started = Instant::now();
        while let Err(error) = rewrite_together(db, people, &ids).await {
            let held = matches!(fault(&error), Fault::LockTimeout | Fault::Contention);
            if !held || started.elapsed() > LOCK_PATIENCE {
                return Err(error);
            }
        }
    }
    Ok(())
}

async fn rewrite_together(db: &Db, people: &People, ids: &[i64]) -> Result<(), sqlx::Error> {
    let mut tx = db.begin().await?;
    let lock = tx.conn().for_update();
    let mut rows: Vec<Row> = on!(&mut tx.conn(), c => {
        let mut query = QueryBuilder::new(format!("select {COLUMNS} from outbox where id in "));
        bulk::push_list(&mut query, ids);
        query.push(lock).build_query_as().fetch_all(&mut *c).await
    })?;
    rows.retain_mut(|row| erase_row(people, row).changed);
    for rows in bulk::chunks(&rows) {
        on!(&mut tx.conn(), c => {
            bulk::Update::new("outbox", rows, |row: &Row| row.id)
                .set("payload", |row| row.payload.0.to_string())
                .finish()
                .build()
                .execute(&mut *c)
                .await
                .map(drop)
        })?;
    }
    tx.commit().await
}

/// Waits until no dispatcher can have an older state of `rows` in hand: each is published, or held back until it is read
/// again, or there is no dispatcher at work. False where that takes too long.
pub(crate) async fn out_of_hand(db: &Db, rows: &[i64]) -> Result<bool, sqlx::Error> {
    let started = Instant::now();
    while in_hand(db, rows).await? > 0 {
        // Whoever takes the slots reads the rows anew, and their last owner sends nothing more.
        if !is_dispatched(&mut db.read().await?.conn()).await? {
            return Ok(true);
        }
        if started.elapsed() > PATIENCE {
            return Ok(false);
        }
        sleep(LOOK_AGAIN).await;
    }
    Ok(true)
}

/// How many of `rows` are neither published nor behind a row of their aggregate that waits for its next attempt.
async fn in_hand(db: &Db, rows: &[i64]) -> Result<i64, sqlx::Error> {
    let mut reader = db.read().await?;
    let mut count = 0;
    for list in bulk::key_lists(rows) {
        let mut conn = reader.conn();
        let now = conn.now_ms();
        let found: i64 = on!(&mut conn, c => {
            let mut query = QueryBuilder::new("select count(*) from outbox where processed_at is null and id in ");
            bulk::push_list(&mut query, &list);
            query.push(format!(
                " and not exists (select 1 from outbox earlier where earlier.processed_at is null \
                 and earlier.aggregate = outbox.aggregate and earlier.aggregate_id = outbox.aggregate_id \
                 and earlier.id <= outbox.id and earlier.next_attempt_at > {now})"
            ));
            query.build_query_scalar().fetch_one(&mut *c).await
        })?;
        count += found;
    }
    Ok(count)
}

/// Where the event of a record stands now.
#[derive(Clone, Debug)]
pub(crate) struct Moved {
    pub(crate) kind: AggregateKind,
    pub(crate) aggregate_id: i64,
    pub(crate) event_id: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
}

/// Writes beside the events of records that were published again where those are now.
pub(crate) async fn move_marks(db: &Db, moved: &[Moved]) -> Result<(), sqlx::Error> {
    for chunk in bulk::chunks(moved) {
        let mut tx = db.begin().await?;
        let marks = marks(&mut tx.conn(), chunk).await?;
        for marks in bulk::chunks(&marks) {
            on!(&mut tx.conn(), c => {
                bulk::Update::new("outbox", marks, |mark: &(i64, i32, i64)| mark.0)
                    .set("kafka_partition", |mark| mark.1)
                    .set("kafka_offset", |mark| mark.2)
                    .finish()
                    .build()
                    .execute(&mut *c)
                    .await
                    .map(drop)
            })?;
        }
        tx.commit().await?;
    }
    Ok(())
}

/// Row, partition and offset of those of `moved` that a dispatcher of ours has published.
async fn marks(conn: &mut Conn<'_>, moved: &[Moved]) -> Result<Vec<(i64, i32, i64)>, sqlx::Error> {
    let Some(kind) = moved.first().map(|moved| moved.kind) else { return Ok(Vec::new()) };
    let ids: Vec<i64> = moved.iter().map(|moved| moved.aggregate_id).collect();
    let mut marks = Vec::new();
    for list in bulk::key_lists(&ids) {
        let rows: Vec<(i64, String)> = on!(conn, c => {
            let mut query = QueryBuilder::new(
                "select cast(id as signed), event_id from outbox where kafka_offset is not null and event_id is not null and aggregate = ",
            );
            query.push_bind(kind.as_str()).push(" and aggregate_id in ");
            bulk::push_list(&mut query, &list);
            query.build_query_as().fetch_all(&mut *c).await
        })?;
        for (id, event_id) in rows {
            // Of an event that was sent twice the last record counts.
            let last = moved.iter().rev().find(|moved| moved.event_id == event_id);
            marks.extend(last.map(|moved| (id, moved.partition, moved.offset)));
        }
    }
    marks.sort_unstable();
    marks.dedup_by_key(|mark| mark.0);
    Ok(marks)
}
