//! A small service: counters with a unique name that never fall below 0. What goes wrong is asked for by the test.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use esteira_aggregate::{Aggregate, Aggregates, Cause, Receipt, Service, Slot, Snapshot, WriteError};
use esteira_events::{AggregateKind, Payload, UserChanged, UserData, UserId};
use esteira_outbox::NewEvent;
use esteira_sql::bulk::{InsertedIds, Update};
use esteira_sql::schema::{Index, Schema, Table, column};
use esteira_sql::{Conn, Timestamp, on};
use serde::{Deserialize, Serialize};
use sqlx::QueryBuilder;
use tokio::sync::watch;

pub(crate) const SCHEMA: Schema = Schema {
    name: "counters",
    version: 1,
    tables: &[Table {
        name: "counters",
        columns: &[
            column("id", "bigint not null auto_increment primary key", "integer primary key autoincrement"),
            column("name", "varchar(64) not null", "text not null"),
            column("value", "bigint not null", "integer not null"),
            column("version", "bigint not null", "integer not null"),
        ],
        primary_key: "",
        indexes: &[Index { name: "counters_name", columns: "name", unique: true }],
    }],
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counter {
    pub(crate) name: String,
    pub(crate) value: i64,
}

#[derive(Clone, Debug)]
pub(crate) enum CounterEvent {
    Opened { name: String },
    Added { name: String, by: i64 },
}

impl Aggregate for Counter {
    const KIND: AggregateKind = AggregateKind::User;
    type Event = CounterEvent;

    fn evolve(state: Option<Self>, event: &CounterEvent, _: Timestamp) -> Option<Self> {
        match event {
            CounterEvent::Opened { name } => Some(Self { name: name.clone(), value: 0 }),
            CounterEvent::Added { by, .. } => {
                state.map(|counter| Self { value: counter.value + by, ..counter })
            }
        }
    }

    fn payload(id: i64, event: &CounterEvent) -> Payload {
        let (name, by) = match event {
            CounterEvent::Opened { name } => (name, 0),
            CounterEvent::Added { name, by } => (name, *by),
        };
        let user = UserData { id: UserId(id), name: name.clone(), email: by.to_string(), version: None };
        Payload::UserUpdated(UserChanged { user })
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Command {
    Open(String),
    Add {
        id: i64,
        by: i64,
    },
    /// Locks the two in the order given, so that two of these may deadlock.
    Move {
        from: i64,
        to: i64,
        by: i64,
    },
    Panic,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Rejected {
    NotFound,
    BelowZero,
    NameTaken,
    /// The one that is not kept.
    Invalid,
}

/// Behaves until it is told otherwise.
pub(crate) struct Counters {
    /// How many of the next writes find that somebody else has changed their rows.
    pub(crate) stale: AtomicU32,
    /// The sizes of the batches, in order; grows when a batch is loaded.
    pub(crate) batches: Mutex<Vec<usize>>,
    gate: watch::Sender<bool>,
}

impl Counters {
    pub(crate) fn new() -> Self {
        Self { stale: AtomicU32::new(0), batches: Mutex::default(), gate: watch::Sender::new(true) }
    }

    pub(crate) fn open_gate(&self, open: bool) {
        self.gate.send_replace(open);
    }

    pub(crate) fn batches(&self) -> Vec<usize> {
        self.batches.lock().unwrap().clone()
    }
}

pub(crate) type World = Aggregates<Counter>;

#[async_trait]
impl Service for Counters {
    const NAME: &'static str = "counters";
    type Command = Command;
    type World = World;
    type Receipt = Receipt<Counter>;
    type Outcome = Snapshot<Counter>;
    type Rejection = Rejected;

    async fn load(
        &self,
        conn: &mut Conn<'_>,
        commands: &[&Command],
        at: Timestamp,
    ) -> Result<World, sqlx::Error> {
        self.batches.lock().unwrap().push(commands.len());
        self.gate.subscribe().wait_for(|open| *open).await.unwrap();
        let mut world = Aggregates::new(at);
        let mut loaded = HashMap::new();
        for id in commands.iter().flat_map(|command| ids(command)) {
            if loaded.insert(id, ()).is_none()
                && let Some((version, counter)) = find(conn, id).await?
            {
                world.load(id, version, counter);
            }
        }
        Ok(world)
    }

    fn version(&self, world: &World, command: &Command) -> Option<i64> {
        ids(command).first().and_then(|id| world.version_of(*id))
    }

    fn decide(
        &self,
        world: &mut World,
        command: &Command,
        cause: &Cause,
    ) -> Result<Receipt<Counter>, Rejected> {
        match command {
            Command::Open(name) if name.is_empty() => Err(Rejected::Invalid),
            Command::Open(name) => {
                let slot = world.create([CounterEvent::Opened { name: name.clone() }], cause);
                Ok(world.receipt(slot))
            }
            Command::Add { id, by } => add(world, *id, *by, cause),
            Command::Move { from, to, by } => {
                add(world, *from, -by, cause)?;
                add(world, *to, *by, cause)
            }
            Command::Panic => panic!("a bug in a decision"),
        }
    }

    async fn write(&self, conn: &mut Conn<'_>, world: &mut World) -> Result<(), WriteError> {
        if self.stale.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            on!(conn, c => sqlx::query("update counters set version = version + 1").execute(&mut *c).await.map(drop))?;
        }
        insert(conn, world).await?;
        update(conn, world).await
    }

    fn take_events(&self, world: &mut World) -> Vec<NewEvent> {
        world.take_events()
    }

    fn outcome(&self, world: &World, receipt: Receipt<Counter>) -> Snapshot<Counter> {
        world.snapshot(receipt)
    }

    fn taken(&self, command: &Command) -> Option<Rejected> {
        matches!(command, Command::Open(_)).then_some(Rejected::NameTaken)
    }

    fn is_kept(rejection: &Rejected) -> bool {
        *rejection != Rejected::Invalid
    }
}

fn ids(command: &Command) -> Vec<i64> {
    match command {
        Command::Open(_) | Command::Panic => vec![],
        Command::Add { id, .. } => vec![*id],
        Command::Move { from, to, .. } => vec![*from, *to],
    }
}

fn add(world: &mut World, id: i64, by: i64, cause: &Cause) -> Result<Receipt<Counter>, Rejected> {
    let (slot, counter) = world.find(id).ok_or(Rejected::NotFound)?;
    if counter.value + by < 0 {
        return Err(Rejected::BelowZero);
    }
    let event = CounterEvent::Added { name: counter.name.clone(), by };
    world.apply(slot, [event], cause);
    Ok(world.receipt(slot))
}

async fn find(conn: &mut Conn<'_>, id: i64) -> Result<Option<(i64, Counter)>, sqlx::Error> {
    let lock = conn.for_update();
    let row: Option<(String, i64, i64)> = on!(conn, c => {
        QueryBuilder::new("select name, value, version from counters where id = ")
            .push_bind(id)
            .push(lock)
            .build_query_as()
            .fetch_optional(&mut *c)
            .await
    })?;
    Ok(row.map(|(name, value, version)| (version, Counter { name, value })))
}

async fn insert(conn: &mut Conn<'_>, world: &mut World) -> Result<(), WriteError> {
    let created: Vec<(Slot, Counter)> =
        world.created().into_iter().map(|(slot, counter)| (slot, counter.clone())).collect();
    if created.is_empty() {
        return Ok(());
    }
    let ids = on!(conn, c => {
        let mut query = QueryBuilder::new("insert into counters (name, value, version) ");
        query.push_values(&created, |mut row, (_, counter)| {
            row.push_bind(counter.name.clone()).push_bind(counter.value).push_bind(1_i64);
        });
        query.build().execute(&mut *c).await.map(|done| done.inserted_ids(created.len()))
    })?;
    for ((slot, _), id) in created.into_iter().zip(ids) {
        world.assign(slot, id);
    }
    Ok(())
}

async fn update(conn: &mut Conn<'_>, world: &World) -> Result<(), WriteError> {
    let changed = world.changed();
    if changed.is_empty() {
        return Ok(());
    }
    let written = on!(conn, c => {
        Update::new("counters", &changed, |row| row.id)
            .set("value", |row| row.state.value)
            .set("version", |row| row.version)
            .guarded(|row| row.loaded)
            .build()
            .execute(&mut *c)
            .await
            .map(|done| done.rows_affected())
    })?;
    WriteError::check(written, changed.len())
}
