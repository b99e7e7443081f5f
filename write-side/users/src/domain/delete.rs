//! Deleting a user.

use esteira_events::UserId;

use super::{UserEvent, UserRejected};

/// Deletes a user.
#[derive(Clone, Debug)]
pub struct DeleteUser {
    pub id: UserId,
}

/// Decides whether a user may be deleted: not while any order refers to it.
pub fn delete(command: &DeleteUser, has_orders: bool) -> Result<UserEvent, UserRejected> {
    if has_orders { Err(UserRejected::HasOrders { id: command.id }) } else { Ok(UserEvent::Deleted) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_with_orders_stays() {
        let command = DeleteUser { id: UserId(1) };
        assert_eq!(delete(&command, true), Err(UserRejected::HasOrders { id: UserId(1) }));
        assert_eq!(delete(&command, false), Ok(UserEvent::Deleted));
    }
}
