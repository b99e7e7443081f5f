//! Integers of a body that have a range.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

use crate::fields::Fields;

/// An integer of a body that must be from `LOW` to `HIGH`. What is no integer at all is refused as the body is read, and told
/// this range too; what is outside of it by [`Self::checked`], with every other field.
#[derive(Clone, Copy, Debug)]
pub struct Integer<const LOW: i64, const HIGH: i64>(i64);

impl<const LOW: i64, const HIGH: i64> Integer<LOW, HIGH> {
    /// The value; `fields` has it refused as `field` where it is out of range.
    pub fn checked(self, fields: &mut Fields, field: impl Into<String>) -> i64 {
        fields.check(
            (LOW..=HIGH).contains(&self.0),
            field,
            self.0,
            format!("must be {}", allowed(LOW, HIGH)),
        );
        self.0
    }
}

fn allowed(low: i64, high: i64) -> String {
    match (low, high) {
        (1, i64::MAX) => "a positive integer".to_owned(),
        _ => format!("an integer from {low} to {high}"),
    }
}

impl<'de, const LOW: i64, const HIGH: i64> Deserialize<'de> for Integer<LOW, HIGH> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_i64(Self(0))
    }
}

impl<const LOW: i64, const HIGH: i64> Visitor<'_> for Integer<LOW, HIGH> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&allowed(LOW, HIGH))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self, E> {
        Ok(Self(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self, E> {
        let value = i64::try_from(value).map_err(|_| E::invalid_value(Unexpected::Unsigned(value), &self))?;
        Ok(Self(value))
    }
}
