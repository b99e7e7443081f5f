//! Records of the log, wherever they are kept: in topics, in dead letters, in the retry stores.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use esteira_bus::{Record, dlq};
use esteira_events::{AggregateKind, EventType, Topics};
use serde_json::Value;

use crate::people::{Found, People};

/// What stands in the place of a value that cannot be read as JSON, or tells of a user without saying where: nothing can be
/// picked out of it. It is no event either.
const ERASED: &[u8] = b"\"erased\"";

/// Erases people from records.
#[derive(Clone, Copy)]
pub(crate) struct Redaction<'a> {
    pub(crate) people: &'a People,
    pub(crate) topics: &'a Topics,
}

impl Redaction<'_> {
    /// Takes them out of `record`, which may be a dead letter.
    pub(crate) fn apply(&self, record: &mut Record) -> Found {
        let Some(value) = record.value.take() else { return Found::default() };
        let original = record.topic.strip_suffix(dlq::DLQ_SUFFIX).map(str::to_owned);
        let letter = original.and_then(|topic| self.of_letter(&topic, record.key.as_deref(), &value));
        let (found, changed) =
            letter.unwrap_or_else(|| self.of_value(&record.topic, record.key.as_deref(), &value));
        record.value = Some(changed.unwrap_or(value));
        found
    }

    fn of_value(&self, topic: &str, key: Option<&[u8]>, value: &[u8]) -> (Found, Option<Vec<u8>>) {
        let of_them = self.is_keyed_by_them(topic, key);
        let replaced = |concerned: bool| {
            let found = Found { concerned, changed: concerned && value != ERASED };
            (found, found.changed.then(|| ERASED.to_vec()))
        };
        let Ok(mut json) = serde_json::from_slice::<Value>(value) else {
            return replaced(of_them || self.people.are_in(value));
        };
        let mut found = self.people.erase(&mut json);
        if of_them && !found.concerned {
            if self.topics.decode(topic, Some(value)).is_err() {
                return replaced(true);
            }
            found.and(self.reason(&mut json));
            found.concerned = true;
        }
        (found, found.changed.then(|| json.to_string().into_bytes()))
    }

    /// An operator may have named them when their event was given up.
    fn reason(&self, event: &mut Value) -> Found {
        let reason = event.pointer_mut("/skipped/reason");
        let without =
            reason.as_deref().and_then(Value::as_str).and_then(|text| self.people.without_names(text));
        match (reason, without) {
            (Some(reason), Some(without)) => {
                *reason = Value::String(without);
                Found { concerned: true, changed: true }
            }
            _ => Found::default(),
        }
    }

    fn is_keyed_by_them(&self, topic: &str, key: Option<&[u8]>) -> bool {
        let of_user = self
            .topics
            .event_type(topic)
            .is_some_and(|event: EventType| event.aggregate() == AggregateKind::User);
        let id = key.and_then(|key| std::str::from_utf8(key).ok()?.parse::<i64>().ok());
        of_user && id.is_some_and(|id| self.people.has(id))
    }

    /// `None` where it is no letter.
    fn of_letter(&self, topic: &str, key: Option<&[u8]>, value: &[u8]) -> Option<(Found, Option<Vec<u8>>)> {
        let mut letter: Value = serde_json::from_slice(value).ok()?;
        let fields = letter.as_object_mut()?;
        fields.get("original_topic")?;
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        let original = match (text("original_event_base64"), text("original_event")) {
            (Some(base64), _) => Some(STANDARD.decode(base64).ok()?),
            (None, Some(text)) => Some(text.as_bytes().to_vec()),
            (None, None) => None,
        };
        let mut found = Found::default();
        if let Some(original) = original {
            let (of_original, changed) = self.of_value(topic, key, &original);
            found.and(of_original);
            if let Some(changed) = changed {
                fields.remove("original_event_base64");
                fields.insert("original_event".to_owned(), String::from_utf8_lossy(&changed).into());
            }
        }
        let error = fields.get("error_message").and_then(Value::as_str);
        let error =
            error.and_then(|error| if found.concerned { self.people.without_names(error) } else { None });
        if let Some(error) = error {
            fields.insert("error_message".to_owned(), error.into());
            found.changed = true;
        }
        // Somebody may have put the event there as JSON; and a decoder's error may quote what it could not read.
        found.and(self.people.erase(&mut letter));
        Some((found, found.changed.then(|| letter.to_string().into_bytes())))
    }
}
