//! Money: integer cents in code, `DECIMAL(10,2)` in MySQL, cents in SQLite, a JSON number on the wire.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::mysql::{MySqlTypeInfo, MySqlValueRef};
use sqlx::sqlite::{SqliteArgumentsBuffer, SqliteTypeInfo, SqliteValueRef};
use sqlx::{Decode, Encode, MySql, Sqlite, Type, TypeInfo, ValueRef};

/// An amount in cents, from -99,999,999.99 to 99,999,999.99: the range of `DECIMAL(10,2)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(i64);

/// Why a number is not an amount of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    #[error("must be a finite number")]
    NotFinite,
    #[error("must have at most two decimals")]
    TooManyDecimals,
    #[error("must be between -99999999.99 and 99999999.99")]
    OutOfRange,
}

impl Money {
    /// The largest amount that the tables hold: 99,999,999.99.
    pub const MAX: Money = Money(9_999_999_999);
    pub const ZERO: Money = Money(0);
    /// The smallest amount above 0.
    pub const CENT: Money = Money(1);

    /// An amount of `cents`, if the tables can hold it.
    pub fn from_cents(cents: i64) -> Result<Self, MoneyError> {
        if cents.abs() > Self::MAX.0 { Err(MoneyError::OutOfRange) } else { Ok(Self(cents)) }
    }

    pub fn cents(self) -> i64 {
        self.0
    }

    /// Exact for every amount in range: 99,999,999.99 needs 34 of the 53 bits.
    #[expect(clippy::cast_precision_loss, reason = "the range fits in 34 bits")]
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / 100.0
    }

    /// Reads a JSON number: its shortest text may have two decimals at most.
    pub fn from_f64(amount: f64) -> Result<Self, MoneyError> {
        let money = Self::nearest(amount)?;
        // Two doubles that print alike are the same double, so this asks for an exact amount of cents.
        #[expect(clippy::float_cmp, reason = "the question is whether the nearest amount is the same double")]
        if money.to_f64() == amount { Ok(money) } else { Err(MoneyError::TooManyDecimals) }
    }

    /// The nearest amount: for DOUBLE columns and documents, where arithmetic may have left a trace.
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked first")]
    pub fn nearest(amount: f64) -> Result<Self, MoneyError> {
        if !amount.is_finite() {
            return Err(MoneyError::NotFinite);
        }
        let cents = (amount * 100.0).round();
        if cents.abs() > 9_999_999_999.0 {
            return Err(MoneyError::OutOfRange);
        }
        Ok(Self(cents as i64))
    }

    /// `self * quantity`, unless the tables could not hold it.
    pub fn times(self, quantity: i64) -> Option<Self> {
        self.0.checked_mul(quantity).and_then(|cents| Self::from_cents(cents).ok())
    }

    /// `self + other`, unless the tables could not hold it.
    pub fn plus(self, other: Self) -> Option<Self> {
        Self::from_cents(self.0 + other.0).ok()
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:02}", self.0.abs() / 100, self.0.abs() % 100)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 % 100 == 0 {
            serializer.serialize_i64(self.0 / 100)
        } else {
            serializer.serialize_f64(self.to_f64())
        }
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_f64(f64::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl utoipa::PartialSchema for Money {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::Number)
            .description(Some("An amount with at most two decimals"))
            .maximum(Some(99_999_999.99))
            .examples([serde_json::json!(89.9)])
            .into()
    }
}

impl utoipa::ToSchema for Money {}

impl Type<MySql> for Money {
    fn type_info() -> MySqlTypeInfo {
        <str as Type<MySql>>::type_info()
    }

    /// GORM's AutoMigrate turns `DECIMAL` into `DOUBLE`.
    fn compatible(ty: &MySqlTypeInfo) -> bool {
        matches!(ty.name(), "DECIMAL" | "DOUBLE" | "FLOAT") || <i64 as Type<MySql>>::compatible(ty)
    }
}

impl Encode<'_, MySql> for Money {
    fn encode_by_ref(&self, buf: &mut Vec<u8>) -> Result<IsNull, BoxDynError> {
        Encode::<MySql>::encode(self.to_string(), buf)
    }
}

impl<'r> Decode<'r, MySql> for Money {
    fn decode(value: MySqlValueRef<'r>) -> Result<Self, BoxDynError> {
        let info = value.type_info().into_owned();
        let amount = match info.name() {
            "DECIMAL" => <&str as Decode<MySql>>::decode(value)?.parse()?,
            "DOUBLE" | "FLOAT" => <f64 as Decode<MySql>>::decode(value)?,
            _ => return Ok(Self::from_cents(<i64 as Decode<MySql>>::decode(value)? * 100)?),
        };
        Ok(Self::nearest(amount)?)
    }
}

impl Type<Sqlite> for Money {
    fn type_info() -> SqliteTypeInfo {
        <i64 as Type<Sqlite>>::type_info()
    }

    fn compatible(ty: &SqliteTypeInfo) -> bool {
        <i64 as Type<Sqlite>>::compatible(ty)
    }
}

impl Encode<'_, Sqlite> for Money {
    fn encode_by_ref(&self, buf: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Sqlite>::encode_by_ref(&self.0, buf)
    }
}

impl<'r> Decode<'r, Sqlite> for Money {
    fn decode(value: SqliteValueRef<'r>) -> Result<Self, BoxDynError> {
        Ok(Self::from_cents(<i64 as Decode<Sqlite>>::decode(value)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_decimals_are_money_and_three_are_not() {
        assert_eq!(Money::from_f64(89.9).map(Money::cents), Ok(8_990));
        assert_eq!(Money::from_f64(99_999_999.99), Ok(Money::MAX));
        assert_eq!(Money::from_f64(10.001), Err(MoneyError::TooManyDecimals));
        assert_eq!(Money::from_f64(0.1 + 0.2), Err(MoneyError::TooManyDecimals));
        assert_eq!(Money::from_f64(1e12), Err(MoneyError::OutOfRange));
        assert_eq!(Money::from_f64(f64::NAN), Err(MoneyError::NotFinite));
    }

    #[test]
    fn every_amount_survives_its_json_number() {
        for cents in (0..9_999_999_999_i64).step_by(7_919_993).chain([1, 10, 99, 101, 367_980]) {
            let money = Money::from_cents(cents).unwrap();
            let json = serde_json::to_string(&money).unwrap();
            assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), money, "{json}");
        }
    }
}
