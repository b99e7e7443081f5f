//! A user: state, events, rejections.

mod create;
mod delete;
mod erase;
mod update;

use esteira_aggregate::Aggregate;
use esteira_events::{AggregateKind, Payload, UserChanged, UserData, UserDeleted, UserId};
use esteira_sql::Timestamp;
use serde::{Deserialize, Serialize};

pub use create::{CreateUser, create};
pub use delete::{DeleteUser, delete};
pub use erase::{EraseUser, Orders, erase};
pub use update::{UpdateUser, update};

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub name: String,
    pub email: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What happens to a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserEvent {
    Created { name: String, email: String },
    Updated { name: String, email: String },
    Deleted,
}

/// Why a command was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UserRejected {
    NotFound {
        id: UserId,
    },
    EmailTaken {
        email: String,
    },
    HasOrders {
        id: UserId,
    },
    /// Somebody still needs to know whose these orders are.
    HasOpenOrders {
        id: UserId,
        orders: Vec<i64>,
    },
}

impl Aggregate for User {
    const KIND: AggregateKind = AggregateKind::User;
    type Event = UserEvent;

    fn evolve(state: Option<Self>, event: &UserEvent, at: Timestamp) -> Option<Self> {
        match event {
            UserEvent::Created { name, email } => {
                Some(Self { name: name.clone(), email: email.clone(), created_at: at, updated_at: at })
            }
            UserEvent::Updated { name, email } => {
                state.map(|user| Self { name: name.clone(), email: email.clone(), updated_at: at, ..user })
            }
            UserEvent::Deleted => None,
        }
    }

    fn payload(id: i64, event: &UserEvent) -> Payload {
        let changed = |name: &str, email: &str| UserChanged {
            user: UserData { id: UserId(id), name: name.to_owned(), email: email.to_owned(), version: None },
        };
        match event {
            UserEvent::Created { name, email } => Payload::UserCreated(changed(name, email)),
            UserEvent::Updated { name, email } => Payload::UserUpdated(changed(name, email)),
            UserEvent::Deleted => Payload::UserDeleted(UserDeleted { user_id: UserId(id) }),
        }
    }
}
