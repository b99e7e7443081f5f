//! Erasing a user.

use esteira_events::{UserData, UserId};

use super::{User, UserEvent, UserRejected};

/// Takes a user's name and email away for good.
#[derive(Clone, Debug)]
pub struct EraseUser {
    pub id: UserId,
}

/// The orders that refer to a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Orders {
    pub any: bool,
    /// The ids of those that are under way, or wait for a refund.
    pub open: Vec<i64>,
}

/// Decides what becomes of an erased user: without orders it is deleted. Orders that are closed stay, for the books, and so
/// does their user, without name and email; `None` when it has none already.
pub fn erase(
    user: &User,
    command: &EraseUser,
    orders: &Orders,
    email_taken: bool,
) -> Result<Option<UserEvent>, UserRejected> {
    if !orders.any {
        return Ok(Some(UserEvent::Deleted));
    }
    if !orders.open.is_empty() {
        return Err(UserRejected::HasOpenOrders { id: command.id, orders: orders.open.clone() });
    }
    let (name, email) = (UserData::ERASED_NAME.to_owned(), UserData::erased_email(command.id));
    if email_taken {
        return Err(UserRejected::EmailTaken { email });
    }
    let changed = user.name != name || user.email != email;
    Ok(changed.then_some(UserEvent::Updated { name, email }))
}

#[cfg(test)]
mod tests {
    use esteira_sql::Timestamp;

    use super::*;

    const ANA: EraseUser = EraseUser { id: UserId(7) };

    fn user(name: &str, email: &str) -> User {
        let now = Timestamp::now();
        User { name: name.into(), email: email.into(), created_at: now, updated_at: now }
    }

    fn decide(user: &User, any: bool, open: &[i64]) -> Result<Option<UserEvent>, UserRejected> {
        erase(user, &ANA, &Orders { any, open: open.to_vec() }, false)
    }

    #[test]
    fn a_user_without_orders_is_deleted() {
        assert_eq!(decide(&user("Ana", "ana@example.com"), false, &[]), Ok(Some(UserEvent::Deleted)));
    }

    #[test]
    fn a_user_of_closed_orders_stays_without_name_and_email() {
        let erased = UserEvent::Updated { name: "erased".into(), email: "erased-7@erased.invalid".into() };
        assert_eq!(decide(&user("Ana", "ana@example.com"), true, &[]), Ok(Some(erased)));
        assert_eq!(decide(&user("erased", "erased-7@erased.invalid"), true, &[]), Ok(None));
    }

    #[test]
    fn a_user_of_open_orders_is_not_erased() {
        let refused = UserRejected::HasOpenOrders { id: UserId(7), orders: vec![3, 5] };
        assert_eq!(decide(&user("Ana", "ana@example.com"), true, &[3, 5]), Err(refused));
    }
}
