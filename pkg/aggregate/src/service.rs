//! What a service gives to the executor, and what a caller gets from it.

use async_trait::async_trait;
use esteira_outbox::NewEvent;
use esteira_sql::{Conn, Timestamp};
use esteira_telemetry::{TraceContext, TraceId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::field::DisplayValue;

use crate::idempotency::IdempotencyKey;

/// A command side: how a batch's rows are loaded, how one command is decided, how the rows are written.
#[async_trait]
pub trait Service: Send + Sync + 'static {
    /// Names the service in inbox marks and the scope of idempotency keys.
    const NAME: &'static str;
    type Command: Send + Sync + 'static;
    /// Everything that a batch touches.
    type World: Send;
    /// What `decide` keeps for `outcome`, since a new row has its id only after the write.
    type Receipt: Send;
    /// What the caller is told; it is stored with an idempotency key.
    type Outcome: Clone + Send + Sync + Serialize + DeserializeOwned + 'static;
    type Rejection: Clone + Send + Sync + Serialize + DeserializeOwned + 'static;

    /// Loads and locks what `commands` touch, one query a table, ids ascending, tables in the service's fixed order.
    async fn load(
        &self,
        conn: &mut Conn<'_>,
        commands: &[&Self::Command],
        at: Timestamp,
    ) -> Result<Self::World, sqlx::Error>;

    /// The version of the aggregate that `command` changes, if it exists: `If-Match` is held against it.
    fn version(&self, world: &Self::World, command: &Self::Command) -> Option<i64>;

    /// Decides one command against the world as the commands before it left it. A rejected command leaves no trace.
    fn decide(
        &self,
        world: &mut Self::World,
        command: &Self::Command,
        cause: &Cause,
    ) -> Result<Self::Receipt, Self::Rejection>;

    /// Writes every changed row, each guarded by the version that it was loaded with.
    async fn write(&self, conn: &mut Conn<'_>, world: &mut Self::World) -> Result<(), WriteError>;

    /// Takes the events of the batch, after `write`.
    fn take_events(&self, world: &mut Self::World) -> Vec<NewEvent>;

    /// What the caller of one command is told, after `write`.
    fn outcome(&self, world: &Self::World, receipt: Self::Receipt) -> Self::Outcome;

    /// The rejection for a command that, alone, still violates a unique key.
    fn taken(&self, command: &Self::Command) -> Option<Self::Rejection>;

    /// Whether a rejection is the answer to every later call with the same key. Invalid input (400) is not: it may be mended.
    fn is_kept(rejection: &Self::Rejection) -> bool;
}

/// What caused an event.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cause {
    /// Where it stands in its trace.
    pub trace: Option<TraceContext>,
}

impl Cause {
    /// As log lines have it.
    pub(crate) fn trace_id(self) -> Option<DisplayValue<TraceId>> {
        self.trace.map(TraceContext::log_id)
    }
}

/// How a repeated input is recognized.
#[derive(Clone, Debug)]
pub enum Dedup {
    /// It is not: the caller gave no key.
    None,
    /// A client's `Idempotency-Key`.
    Key(IdempotencyKey),
    /// The event that a reaction handles.
    Inbox { event_id: String },
}

/// A command with what surrounds it.
#[derive(Debug)]
pub struct Input<C> {
    pub command: C,
    pub dedup: Dedup,
    /// The versions of `If-Match`: `None` without it and for `*`, empty where no version can match.
    pub if_match: Option<Vec<i64>>,
    pub cause: Cause,
}

impl<C> Input<C> {
    /// A command without key, precondition or trace.
    pub fn plain(command: C) -> Self {
        Self { command, dedup: Dedup::None, if_match: None, cause: Cause::default() }
    }
}

/// How an accepted command was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<O> {
    /// Done now.
    Done(O),
    /// Done by an earlier call with the same key, or within the same batch.
    Replayed(O),
    /// An event whose effect is in the store already.
    Duplicate,
}

/// Why a command was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError<R> {
    #[error("rejected by the domain")]
    Rejected(R),
    #[error("the idempotency key was used with another request body")]
    KeyReused,
    #[error("the resource has version {current:?}")]
    PreconditionFailed { current: Option<i64> },
    /// The queue is full.
    #[error("too many commands are waiting")]
    Overloaded,
    /// Somebody holds the rows that the command needs.
    #[error("the rows are held by somebody else")]
    Contended,
    /// The store is away. Whether the command was done may be unknown: retry with the same idempotency key.
    #[error("the store is not available")]
    Unavailable,
    /// Logged where it happened.
    #[error("internal error")]
    Internal,
}

/// Why rows could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A row has another version than it was loaded with.
    #[error("a row was changed by somebody else")]
    Stale,
    /// The answer to COMMIT was lost, and the store would not say in time what became of it.
    #[error("nobody knows whether the store has committed")]
    CommitUnknown,
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
}

impl WriteError {
    /// Ok when all of `expected` guarded rows were written.
    pub fn check(written: u64, expected: usize) -> Result<(), Self> {
        if usize::try_from(written) == Ok(expected) { Ok(()) } else { Err(Self::Stale) }
    }
}
