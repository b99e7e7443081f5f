//! Whose data is erased, and where it stands in JSON and text.

use std::collections::{BTreeMap, BTreeSet};

use esteira_events::{UserData, UserId};
use serde_json::{Map, Value};

use crate::text::{is_address, is_word, replaced};

/// The people to erase, with the names and emails that they are known to have had. Their own objects are told by the id;
/// what is known of them serves to find the rest.
#[derive(Clone, Debug, Default)]
pub(crate) struct People {
    known: BTreeMap<i64, Known>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    names: BTreeSet<String>,
    emails: BTreeSet<String>,
}

/// What was found of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Somebody's, erased before or now.
    pub(crate) concerned: bool,
    pub(crate) changed: bool,
}

impl Found {
    pub(crate) fn and(&mut self, other: Self) {
        self.concerned |= other.concerned;
        self.changed |= other.changed;
    }
}

impl People {
    pub(crate) fn new(ids: impl IntoIterator<Item = i64>) -> Self {
        Self { known: ids.into_iter().map(|id| (id, Known::default())).collect() }
    }

    pub(crate) fn ids(&self) -> Vec<i64> {
        self.known.keys().copied().collect()
    }

    pub(crate) fn has(&self, id: i64) -> bool {
        self.known.contains_key(&id)
    }

    /// Remembers what `value` says of their names and emails.
    pub(crate) fn learn(&mut self, value: &Value) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::Object(user)) = fields.get("user") {
                    self.learn_user(user);
                }
                fields.values().for_each(|value| self.learn(value));
            }
            Value::Array(items) => items.iter().for_each(|value| self.learn(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn learn_user(&mut self, user: &Map<String, Value>) {
        let Some((id, known)) = id_of(user).and_then(|id| Some((id, self.known.get_mut(&id)?))) else {
            return;
        };
        let text = |field: &str| user.get(field).and_then(Value::as_str).map(str::to_owned);
        known.names.extend(text("name").filter(|name| !name.is_empty() && name != UserData::ERASED_NAME));
        known.emails.extend(
            text("email").filter(|email| email.contains('@') && *email != UserData::erased_email(UserId(id))),
        );
    }

    /// Whether `bytes` have an email of theirs in them.
    pub(crate) fn are_in(&self, bytes: &[u8]) -> bool {
        self.without_emails(&String::from_utf8_lossy(bytes)).is_some()
    }

    /// `text` without their emails, if any is in it.
    pub(crate) fn without_emails(&self, text: &str) -> Option<String> {
        let mut changed = None;
        if !text.contains('@') {
            return changed;
        }
        for (id, known) in &self.known {
            let erased = UserData::erased_email(UserId(*id));
            for email in &known.emails {
                let before = changed.as_deref().unwrap_or(text);
                changed = replaced(before, email, &erased, is_address).or(changed);
            }
        }
        changed
    }

    /// A text that is about one of them, without their names and emails.
    pub(crate) fn without_names(&self, text: &str) -> Option<String> {
        let mut changed = self.without_emails(text);
        for name in self.known.values().flat_map(|known| &known.names) {
            let before = changed.as_deref().unwrap_or(text);
            changed = replaced(before, name, UserData::ERASED_NAME, is_word).or(changed);
        }
        changed
    }

    /// Replaces name and email in every object that is one of them: a `user` with their id, or anything with their email;
    /// elsewhere their emails in any text.
    pub(crate) fn erase(&self, value: &mut Value) -> Found {
        self.walk("", value)
    }

    fn walk(&self, name: &str, value: &mut Value) -> Found {
        let mut found = Found::default();
        match value {
            // Who has their email now, or had it before them.
            Value::Object(fields) if self.is_somebody_else(fields) => {}
            Value::Object(fields) => {
                if let Some(id) = self.whose(name, fields) {
                    found.concerned = true;
                    found.changed |= put(fields, "name", UserData::ERASED_NAME);
                    found.changed |= put(fields, "email", &UserData::erased_email(UserId(id)));
                }
                for (name, value) in fields.iter_mut() {
                    found.and(self.walk(name, value));
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|value| found.and(self.walk(name, value))),
            Value::String(text) => {
                if let Some(without) = self.without_emails(text) {
                    *text = without;
                    found = Found { concerned: true, changed: true };
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
        found
    }

    fn is_somebody_else(&self, fields: &Map<String, Value>) -> bool {
        fields.contains_key("email") && id_of(fields).is_some_and(|id| !self.has(id))
    }

    fn whose(&self, name: &str, fields: &Map<String, Value>) -> Option<i64> {
        if let Some(id) = id_of(fields).filter(|id| name == "user" && self.has(*id)) {
            return Some(id);
        }
        let email = fields.get("email")?.as_str()?;
        let has = |known: &Known| known.emails.iter().any(|other| other.eq_ignore_ascii_case(email));
        self.known.iter().find(|(_, known)| has(known)).map(|(id, _)| *id)
    }
}

fn id_of(fields: &Map<String, Value>) -> Option<i64> {
    match fields.get("id")? {
        Value::String(text) => text.parse().ok(),
        Value::Number(id) => id.as_i64(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether the field said something else; an absent one stays so.
fn put(fields: &mut Map<String, Value>, name: &str, text: &str) -> bool {
    match fields.get_mut(name) {
        None | Some(Value::Null) => false,
        Some(Value::String(same)) if same == text => false,
        // Views of the Go projector have facets that are not filled in yet.
        Some(Value::String(empty)) if empty.is_empty() => false,
        Some(other) => {
            *other = Value::String(text.to_owned());
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ana() -> People {
        let mut people = People::new([12]);
        people.learn(&json!({"order": {"user": {"id": 12, "name": "Ana", "email": "ana@example.com"}}}));
        people.learn(&json!({"user": {"id": 13, "name": "Eva", "email": "eva@example.com"}}));
        people
    }

    #[test]
    fn only_their_own_objects_lose_name_and_email() {
        let mut value = json!({"order": {"id": 12, "name": "Ana",
            "user": {"id": 12, "name": "Ana", "email": "ana@example.com", "version": 3}},
            "user": {"id": 13, "name": "Ana", "email": "eva@example.com"}});
        assert_eq!(ana().erase(&mut value), Found { concerned: true, changed: true });
        let erased = json!({"order": {"id": 12, "name": "Ana",
            "user": {"id": 12, "name": "erased", "email": "erased-12@erased.invalid", "version": 3}},
            "user": {"id": 13, "name": "Ana", "email": "eva@example.com"}});
        assert_eq!(value, erased);
        assert_eq!(ana().erase(&mut value), Found { concerned: true, changed: false });
    }

    #[test]
    fn somebody_else_may_have_their_email_by_now() {
        let other = json!({"user": {"id": 13, "name": "Ana", "email": "ana@example.com"},
            "data": {"id": "13", "name": "Ana", "email": "ana@example.com", "note": "ana@example.com"}});
        let mut value = other.clone();
        assert_eq!(ana().erase(&mut value), Found::default());
        assert_eq!(value, other);
    }

    #[test]
    fn a_known_email_is_found_wherever_it_stands() {
        let mut value =
            json!({"state": {"name": "Ana", "email": "ANA@example.com"}, "reason": "told ana@example.com."});
        assert!(ana().erase(&mut value).changed);
        let erased = json!({"state": {"name": "erased", "email": "erased-12@erased.invalid"},
            "reason": "told erased-12@erased.invalid."});
        assert_eq!(value, erased);
    }
}
