//! A user as the API shows it, and the problems of its commands.

use esteira_command_api::{Resource, not_found};
use esteira_events::UserId;
use esteira_sql::Timestamp;
use esteira_web::{FieldError, Problem};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{User, UserRejected};
use crate::store::UserRow;

/// Orders that a refusal names.
const SHOWN: usize = 10;

/// A user.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserBody {
    #[schema(example = 1)]
    pub id: UserId,
    #[schema(example = "Ana Souza")]
    pub name: String,
    #[schema(example = "ana@example.com")]
    pub email: String,
    pub created_at: Timestamp,
}

impl From<UserRow> for UserBody {
    fn from(row: UserRow) -> Self {
        Self { id: row.id, name: row.name, email: row.email, created_at: row.created_at }
    }
}

impl Resource for User {
    type Body = UserBody;

    fn body(id: i64, user: Self) -> UserBody {
        UserBody { id: UserId(id), name: user.name, email: user.email, created_at: user.created_at }
    }
}

/// The problem that a refused command is.
pub fn rejected(rejection: UserRejected) -> Problem {
    match rejection {
        UserRejected::NotFound { id } => not_found::<User>(id.0),
        UserRejected::EmailTaken { email } => {
            Problem::conflict("email_taken", "the email belongs to another user")
                .with_field(FieldError::new("email", "belongs to another user").with_value(email))
        }
        UserRejected::HasOrders { id } => {
            Problem::conflict("user_has_orders", format!("user {id} has orders and cannot be deleted"))
        }
        UserRejected::HasOpenOrders { id, orders } => {
            let shown: Vec<String> = orders.iter().take(SHOWN).map(i64::to_string).collect();
            let (shown, rest) = (shown.join(", "), orders.len().saturating_sub(SHOWN));
            let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
            Problem::conflict(
                "user_has_open_orders",
                format!("user {id} cannot be erased while orders of it are open: {shown}{rest}"),
            )
        }
    }
}
