//! The service as the batch executor sees it: load, decide, write.

use std::collections::BTreeMap;

use async_trait::async_trait;
use esteira_aggregate::{Cause, Service, WriteError};
use esteira_outbox::NewEvent;
use esteira_sql::{Conn, Timestamp};
use serde::{Deserialize, Serialize};

use crate::domain::{self, Account, PointsEvent, Rejected};
use crate::store;

/// The loyalty service.
#[derive(Debug)]
pub struct Loyalty;

/// What may be asked of it.
#[derive(Clone, Copy, Debug)]
pub enum Command {
    Open { user_id: i64 },
    Close { user_id: i64 },
    Redeem { user_id: i64, points: i64 },
}

impl Command {
    fn user_id(&self) -> i64 {
        match self {
            Self::Open { user_id } | Self::Close { user_id } | Self::Redeem { user_id, .. } => *user_id,
        }
    }
}

/// What a client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    pub user_id: i64,
    pub points: i64,
}

/// The accounts of a batch, by user.
pub struct World {
    pub(crate) at: Timestamp,
    pub(crate) accounts: BTreeMap<i64, Held>,
}

/// An account as it was loaded, and what has happened to it since.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    pub(crate) account: Option<Account>,
    /// 0 where there is no row yet.
    pub(crate) loaded: i64,
    pub(crate) events: Vec<PointsEvent>,
}

impl Held {
    fn apply(&mut self, event: PointsEvent) {
        self.account = Some(domain::evolve(self.account, event));
        self.events.push(event);
    }

    /// Every event raises it by one.
    pub(crate) fn version(&self) -> i64 {
        self.loaded + i64::try_from(self.events.len()).unwrap_or(i64::MAX)
    }

    pub(crate) fn points(&self) -> Option<i64> {
        match self.account {
            Some(Account::Open { points }) => Some(points),
            Some(Account::Closed) | None => None,
        }
    }
}

#[async_trait]
impl Service for Loyalty {
    const NAME: &'static str = "loyalty-service";
    type Command = Command;
    type World = World;
    type Receipt = i64;
    type Outcome = Balance;
    type Rejection = Rejected;

    async fn load(
        &self,
        conn: &mut Conn<'_>,
        commands: &[&Command],
        at: Timestamp,
    ) -> Result<World, sqlx::Error> {
        let mut accounts: BTreeMap<i64, Held> =
            commands.iter().map(|command| (command.user_id(), Held::default())).collect();
        let users: Vec<i64> = accounts.keys().copied().collect();
        for row in store::load_for_update(conn, &users).await? {
            let account = row.points.map_or(Account::Closed, |points| Account::Open { points });
            let held = Held { account: Some(account), loaded: row.version, events: Vec::new() };
            accounts.insert(row.user_id, held);
        }
        Ok(World { at, accounts })
    }

    fn version(&self, world: &World, command: &Command) -> Option<i64> {
        world.accounts.get(&command.user_id()).map(Held::version).filter(|version| *version > 0)
    }

    fn decide(&self, world: &mut World, command: &Command, _: &Cause) -> Result<i64, Rejected> {
        let user_id = command.user_id();
        let held = world.accounts.entry(user_id).or_default();
        let event = match *command {
            Command::Open { .. } => domain::open(held.account),
            Command::Close { .. } => domain::close(held.account),
            Command::Redeem { user_id, points } => Some(domain::redeem(held.account, user_id, points)?),
        };
        if let Some(event) = event {
            held.apply(event);
        }
        Ok(user_id)
    }

    async fn write(&self, conn: &mut Conn<'_>, world: &mut World) -> Result<(), WriteError> {
        store::write(conn, world).await
    }

    /// Nobody else needs to know: the events stay in `loyalty_events`.
    fn take_events(&self, _: &mut World) -> Vec<NewEvent> {
        Vec::new()
    }

    fn outcome(&self, world: &World, user_id: i64) -> Balance {
        let points = world.accounts.get(&user_id).and_then(Held::points).unwrap_or_default();
        Balance { user_id, points }
    }

    fn taken(&self, _: &Command) -> Option<Rejected> {
        None
    }

    fn is_kept(rejection: &Rejected) -> bool {
        match rejection {
            Rejected::NoAccount { .. } | Rejected::TooFewPoints { .. } => true,
        }
    }
}
