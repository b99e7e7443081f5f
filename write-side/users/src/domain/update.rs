//! Changing a user.

use esteira_events::UserId;

use super::{User, UserEvent, UserRejected};

/// New values; what is absent stays.
#[derive(Clone, Debug)]
pub struct UpdateUser {
    pub id: UserId,
    pub name: Option<String>,
    pub email: Option<String>,
}

/// Decides how `user` changes; `None` when every value is the one that it has.
pub fn update(
    user: &User,
    command: &UpdateUser,
    email_taken: bool,
) -> Result<Option<UserEvent>, UserRejected> {
    let name = command.name.as_ref().unwrap_or(&user.name);
    let email = command.email.as_ref().unwrap_or(&user.email);
    if email_taken {
        return Err(UserRejected::EmailTaken { email: email.clone() });
    }
    let changed = *name != user.name || *email != user.email;
    Ok(changed.then(|| UserEvent::Updated { name: name.clone(), email: email.clone() }))
}

#[cfg(test)]
mod tests {
    use esteira_sql::Timestamp;

    use super::*;

    fn ana() -> User {
        let now = Timestamp::now();
        User { name: "Ana".into(), email: "ana@example.com".into(), created_at: now, updated_at: now }
    }

    fn rename(name: &str) -> UpdateUser {
        UpdateUser { id: UserId(1), name: Some(name.into()), email: None }
    }

    #[test]
    fn what_is_absent_stays() {
        let updated = UserEvent::Updated { name: "Ana S.".into(), email: "ana@example.com".into() };
        assert_eq!(update(&ana(), &rename("Ana S."), false), Ok(Some(updated)));
    }

    #[test]
    fn the_same_values_are_no_event() {
        assert_eq!(update(&ana(), &rename("Ana"), false), Ok(None));
    }

    #[test]
    fn a_taken_email_is_refused() {
        assert!(matches!(update(&ana(), &rename("Ana S."), true), Err(UserRejected::EmailTaken { .. })));
    }
}
