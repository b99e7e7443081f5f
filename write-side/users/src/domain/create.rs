//! Creating a user.

use super::{UserEvent, UserRejected};

/// A new user. Name and email were checked at the edge.
#[derive(Clone, Debug)]
pub struct CreateUser {
    pub name: String,
    pub email: String,
}

/// Decides whether a user may be created.
pub fn create(command: &CreateUser, email_taken: bool) -> Result<UserEvent, UserRejected> {
    if email_taken {
        return Err(UserRejected::EmailTaken { email: command.email.clone() });
    }
    Ok(UserEvent::Created { name: command.name.clone(), email: command.email.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ana() -> CreateUser {
        CreateUser { name: "Ana".into(), email: "ana@example.com".into() }
    }

    #[test]
    fn a_user_with_a_free_email_is_created() {
        let created = UserEvent::Created { name: "Ana".into(), email: "ana@example.com".into() };
        assert_eq!(create(&ana(), false), Ok(created));
    }

    #[test]
    fn a_user_with_a_taken_email_is_not() {
        assert_eq!(create(&ana(), true), Err(UserRejected::EmailTaken { email: "ana@example.com".into() }));
    }
}
