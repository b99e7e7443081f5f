//! Users.

use esteira_events::UserChanged;
use esteira_sql::Timestamp;
use esteira_views::UserView;

pub(super) fn created(event: &UserChanged, at: Timestamp) -> UserView {
    UserView {
        id: event.user.id.0,
        name: event.user.name.clone(),
        email: event.user.email.clone(),
        created_at: at,
        updated_at: at,
        version: 0,
        revision: 0,
        applied: None,
    }
}

pub(super) fn updated(view: UserView, event: &UserChanged, at: Timestamp) -> UserView {
    UserView { name: event.user.name.clone(), email: event.user.email.clone(), updated_at: at, ..view }
}
