//! The query string: every parameter known, given once, and of its kind; all faults are named at once.

use axum::extract::Query;
use axum::http::Uri;
use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use esteira_sql::Money;
use esteira_web::{Fields, Problem};

/// The longest text to search for, in characters: the longest name.
const TEXT_MAX: usize = 255;

/// The parameters of a request while they are read.
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
    pub(super) fields: Fields,
}

impl Params {
    /// Refuses names that are not `allowed`, and ones that are given twice.
    pub(super) fn read(uri: &Uri, allowed: &[&str]) -> Result<Self, Problem> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|_| Problem::bad_request("invalid_query", "the query string cannot be read"))?;
        let mut fields = Fields::new();
        for (position, (name, value)) in pairs.iter().enumerate() {
            if !allowed.contains(&name.as_str()) {
                let message = format!("is not a parameter of this list; allowed are {}", allowed.join(", "));
                fields.refuse(name, value, message);
            } else if pairs[..position].iter().any(|(earlier, _)| earlier == name) {
                fields.refuse(name, value, "must be given once");
            }
        }
        Ok(Self { pairs, fields })
    }

    pub(super) fn raw(&self, name: &str) -> Option<String> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    }

    /// Every parameter but `others`, in an order that does not depend on the request's.
    pub(super) fn without(&self, others: &[&str]) -> Vec<&(String, String)> {
        let mut pairs: Vec<_> =
            self.pairs.iter().filter(|(name, _)| !others.contains(&name.as_str())).collect();
        pairs.sort();
        pairs
    }

    pub(super) fn refuse(&mut self, name: &str, value: &str, message: &str) {
        self.fields.refuse(name, value, message);
    }

    /// 1 to 255 characters, without control characters.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        let value = self.raw(name)?;
        Some(self.fields.text(name, &value, TEXT_MAX).to_owned())
    }

    /// An integer within `low` and `high`, both included.
    pub(crate) fn integer(&mut self, name: &str, low: i64, high: i64) -> Option<i64> {
        let bounds =
            if high == i64::MAX { format!("of at least {low}") } else { format!("from {low} to {high}") };
        self.parsed(name, &format!("must be an integer {bounds}"), |text| {
            text.parse().ok().filter(|value| (low..=high).contains(value))
        })
    }

    /// An amount of 0 or more, with at most two decimals.
    pub(crate) fn amount(&mut self, name: &str) -> Option<Money> {
        let allowed = format!("must be an amount from 0 to {} with at most two decimals", Money::MAX);
        self.parsed(name, &allowed, |text| {
            let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            Money::from_f64(text.parse().ok().filter(|_| plain)?).ok()
        })
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, name: &str) -> Option<bool> {
        self.parsed(name, "must be true or false", |text| text.parse().ok())
    }

    /// The first moment that counts: a time, or the start of a day.
    pub(crate) fn first_moment(&mut self, name: &str) -> Option<DateTime<Utc>> {
        self.parsed(name, TIME, |text| {
            time(text).or_else(|| Some(day(text)?.and_time(NaiveTime::MIN).and_utc()))
        })
    }

    /// The last moment that counts: a time, or the end of a day.
    pub(crate) fn last_moment(&mut self, name: &str) -> Option<DateTime<Utc>> {
        self.parsed(name, TIME, |text| {
            time(text).or_else(|| {
                let next = day(text)?.checked_add_days(Days::new(1))?;
                next.and_time(NaiveTime::MIN).and_utc().checked_sub_signed(TimeDelta::milliseconds(1))
            })
        })
    }

    /// One or more of `allowed`, with commas between them, in upper or lower case.
    pub(crate) fn choices(&mut self, name: &str, allowed: &[&'static str]) -> Option<Vec<&'static str>> {
        let message = format!("must be one or more of {}, with commas between them", allowed.join(", "));
        self.parsed(name, &message, |text| {
            let choice =
                |part: &str| allowed.iter().copied().find(|known| known.eq_ignore_ascii_case(part.trim()));
            text.split(',').map(choice).collect()
        })
    }

    fn parsed<T>(&mut self, name: &str, allowed: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let text = self.raw(name)?;
        let value = parse(&text);
        self.fields.check(value.is_some(), name, &text, allowed);
        value
    }

    /// Refuses `low_name` when both are given and it is above the other.
    pub(crate) fn ordered<T: PartialOrd>(
        &mut self,
        (low_name, low): (&str, Option<T>),
        (high_name, high): (&str, Option<T>),
    ) {
        if let (Some(low), Some(high)) = (low, high) {
            let value = self.raw(low_name);
            self.fields.check(low <= high, low_name, value, format!("must not be above {high_name}"));
        }
    }
}

const TIME: &str = "must be a time as 2026-11-22T12:43:00Z or a day as 2026-11-22 (UTC)";

/// A `+` that a client forgot to encode arrives as a space.
fn time(text: &str) -> Option<DateTime<Utc>> {
    let time = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_rfc3339(&text.replace(' ', "+")))
        .ok()?;
    Some(time.with_timezone(&Utc)).filter(|time| is_storable(time.date_naive()))
}

fn day(text: &str) -> Option<NaiveDate> {
    text.parse().ok().filter(|day| is_storable(*day))
}

/// Years of four digits: the text of other ones does not sort as time.
fn is_storable(day: NaiveDate) -> bool {
    use chrono::Datelike;
    (1..=9_998).contains(&day.year())
}
