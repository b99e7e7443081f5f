//! The users service as the batch executor sees it.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use esteira_aggregate::{Aggregates, Cause, Receipt, Service, Slot, Snapshot, WriteError};
use esteira_events::UserData;
use esteira_outbox::NewEvent;
use esteira_sql::{Conn, Timestamp, fold_email};

use crate::domain::{self, CreateUser, DeleteUser, EraseUser, Orders, UpdateUser, User, UserRejected};
use crate::store;

/// The users service.
#[derive(Debug)]
pub struct Users;

/// What may be asked of it.
#[derive(Clone, Debug)]
pub enum UserCommand {
    Create(CreateUser),
    Update(UpdateUser),
    Delete(DeleteUser),
    Erase(EraseUser),
}

/// What a batch of user commands touches.
pub struct World {
    users: Aggregates<User>,
    /// By folded email. An email that its owner gives up within the batch stays taken for the batch.
    owners: HashMap<String, Owner>,
    with_orders: HashSet<i64>,
    /// The ids of the open orders of users that are to be erased.
    open_orders: HashMap<i64, Vec<i64>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    Stored(i64),
    InBatch(Slot),
}

impl World {
    fn is_taken(&self, email: &str, by_other_than: Option<(i64, Slot)>) -> bool {
        match (self.owners.get(&fold_email(email)), by_other_than) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(Owner::Stored(owner)), Some((id, _))) => *owner != id,
            (Some(Owner::InBatch(owner)), Some((_, slot))) => *owner != slot,
        }
    }

    fn create(&mut self, command: &CreateUser, cause: &Cause) -> Result<Slot, UserRejected> {
        let created = domain::create(command, self.is_taken(&command.email, None))?;
        let slot = self.users.create([created], cause);
        self.owners.insert(fold_email(&command.email), Owner::InBatch(slot));
        Ok(slot)
    }

    fn update(&mut self, command: &UpdateUser, cause: &Cause) -> Result<Slot, UserRejected> {
        let (slot, user) = self.users.find(command.id.0).ok_or(UserRejected::NotFound { id: command.id })?;
        let taken =
            command.email.as_ref().is_some_and(|email| self.is_taken(email, Some((command.id.0, slot))));
        let updated = domain::update(user, command, taken)?;
        if let Some(email) = command.email.as_ref().filter(|_| updated.is_some()) {
            self.owners.insert(fold_email(email), Owner::InBatch(slot));
        }
        self.users.apply(slot, updated, cause);
        Ok(slot)
    }

    fn delete(&mut self, command: &DeleteUser, cause: &Cause) -> Result<Slot, UserRejected> {
        let (slot, _) = self.users.find(command.id.0).ok_or(UserRejected::NotFound { id: command.id })?;
        let deleted = domain::delete(command, self.with_orders.contains(&command.id.0))?;
        self.users.apply(slot, [deleted], cause);
        Ok(slot)
    }

    fn erase(&mut self, command: &EraseUser, cause: &Cause) -> Result<Slot, UserRejected> {
        let EraseUser { id } = *command;
        let (slot, user) = self.users.find(id.0).ok_or(UserRejected::NotFound { id })?;
        let open = self.open_orders.get(&id.0).cloned().unwrap_or_default();
        let orders = Orders { any: self.with_orders.contains(&id.0), open };
        let taken = self.is_taken(&UserData::erased_email(id), Some((id.0, slot)));
        let erased = domain::erase(user, command, &orders, taken)?;
        self.users.apply(slot, erased, cause);
        Ok(slot)
    }
}

#[async_trait]
impl Service for Users {
    const NAME: &'static str = "user-service";
    type Command = UserCommand;
    type World = World;
    type Receipt = Receipt<User>;
    type Outcome = Snapshot<User>;
    type Rejection = UserRejected;

    async fn load(
        &self,
        conn: &mut Conn<'_>,
        commands: &[&UserCommand],
        at: Timestamp,
    ) -> Result<World, sqlx::Error> {
        let wanted = Wanted::of(commands);
        let mut users = Aggregates::new(at);
        for row in store::load_for_update(conn, &wanted.ids).await? {
            users.load(row.id.0, row.version, row.into_state());
        }
        let emails: Vec<&str> = wanted.emails.iter().map(AsRef::as_ref).collect();
        let owners = store::owners(conn, &emails).await?;
        Ok(World {
            users,
            owners: owners.into_iter().map(|(id, email)| (fold_email(&email), Owner::Stored(id.0))).collect(),
            with_orders: store::with_orders(conn, &wanted.deleted).await?,
            open_orders: store::open_orders(conn, &wanted.erased).await?,
        })
    }

    fn version(&self, world: &World, command: &UserCommand) -> Option<i64> {
        match command {
            UserCommand::Create(_) => None,
            UserCommand::Update(command) => world.users.version_of(command.id.0),
            UserCommand::Delete(command) => world.users.version_of(command.id.0),
            UserCommand::Erase(command) => world.users.version_of(command.id.0),
        }
    }

    fn decide(
        &self,
        world: &mut World,
        command: &UserCommand,
        cause: &Cause,
    ) -> Result<Receipt<User>, UserRejected> {
        let slot = match command {
            UserCommand::Create(command) => world.create(command, cause),
            UserCommand::Update(command) => world.update(command, cause),
            UserCommand::Delete(command) => world.delete(command, cause),
            UserCommand::Erase(command) => world.erase(command, cause),
        }?;
        Ok(world.users.receipt(slot))
    }

    async fn write(&self, conn: &mut Conn<'_>, world: &mut World) -> Result<(), WriteError> {
        store::write(conn, &mut world.users).await
    }

    fn take_events(&self, world: &mut World) -> Vec<NewEvent> {
        world.users.take_events()
    }

    fn outcome(&self, world: &World, receipt: Receipt<User>) -> Snapshot<User> {
        world.users.snapshot(receipt)
    }

    fn taken(&self, command: &UserCommand) -> Option<UserRejected> {
        let email = match command {
            UserCommand::Create(command) => Some(command.email.clone()),
            UserCommand::Update(command) => command.email.clone(),
            UserCommand::Delete(_) => None,
            UserCommand::Erase(command) => Some(UserData::erased_email(command.id)),
        };
        email.map(|email| UserRejected::EmailTaken { email })
    }

    fn is_kept(rejection: &UserRejected) -> bool {
        match rejection {
            UserRejected::NotFound { .. }
            | UserRejected::EmailTaken { .. }
            | UserRejected::HasOrders { .. }
            | UserRejected::HasOpenOrders { .. } => true,
        }
    }
}

/// What a batch asks the store for.
#[derive(Default)]
struct Wanted<'c> {
    ids: Vec<i64>,
    emails: Vec<Cow<'c, str>>,
    /// Users that may go.
    deleted: Vec<i64>,
    erased: Vec<i64>,
}

impl<'c> Wanted<'c> {
    fn of(commands: &[&'c UserCommand]) -> Self {
        let mut wanted = Self::default();
        for command in commands {
            match command {
                UserCommand::Create(command) => wanted.emails.push(Cow::Borrowed(&command.email)),
                UserCommand::Update(command) => {
                    wanted.ids.push(command.id.0);
                    wanted.emails.extend(command.email.as_deref().map(Cow::Borrowed));
                }
                UserCommand::Delete(command) => {
                    wanted.ids.push(command.id.0);
                    wanted.deleted.push(command.id.0);
                }
                UserCommand::Erase(EraseUser { id }) => {
                    wanted.ids.push(id.0);
                    wanted.emails.push(Cow::Owned(UserData::erased_email(*id)));
                    wanted.deleted.push(id.0);
                    wanted.erased.push(id.0);
                }
            }
        }
        wanted.ids.sort_unstable();
        wanted.ids.dedup();
        wanted
    }
}
