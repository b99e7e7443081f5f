//! The kinds of parameters that lists have.

use axum::http::Uri;
use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use esteira_sql::Money;
use esteira_web::{Problem, QueryParams};

/// The longest text to search for, in characters: the longest name.
const TEXT_MAX: usize = 255;

/// The parameters of a request while they are read.
pub(crate) struct Params(pub(super) QueryParams);

impl Params {
    pub(super) fn read(uri: &Uri, allowed: &[&str]) -> Result<Self, Problem> {
        QueryParams::read(uri, allowed).map(Self)
    }

    pub(super) fn raw(&self, name: &str) -> Option<String> {
        self.0.value(name).map(str::to_owned)
    }

    /// Every parameter but `others`, in an order that does not depend on the request's.
    pub(super) fn without(&self, others: &[&str]) -> Vec<&(String, String)> {
        let mut pairs: Vec<_> =
            self.0.pairs().iter().filter(|(name, _)| !others.contains(&name.as_str())).collect();
        pairs.sort();
        pairs
    }

    pub(super) fn refuse(&mut self, name: &str, value: &str, message: &str) {
        self.0.fields.refuse(name, value, message);
    }

    /// 1 to 255 characters, without control characters.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        let value = self.raw(name)?;
        Some(self.0.fields.text(name, &value, TEXT_MAX).to_owned())
    }

    /// An integer within `low` and `high`, both included.
    pub(crate) fn integer(&mut self, name: &str, low: i64, high: i64) -> Option<i64> {
        self.0.integer(name, low..=high)
    }

    /// An amount of 0 or more, with at most two decimals.
    pub(crate) fn amount(&mut self, name: &str) -> Option<Money> {
        let allowed = format!("must be an amount from 0 to {} with at most two decimals", Money::MAX);
        self.0.parsed(name, &allowed, |text| {
            let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            Money::from_f64(text.parse().ok().filter(|_| plain)?).ok()
        })
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, name: &str) -> Option<bool> {
        self.0.parsed(name, "must be true or false", |text| text.parse().ok())
    }

    /// The first moment that counts: a time, or the start of a day.
    pub(crate) fn first_moment(&mut self, name: &str) -> Option<DateTime<Utc>> {
        self.0.parsed(name, TIME, |text| {
            time(text).or_else(|| Some(day(text)?.and_time(NaiveTime::MIN).and_utc()))
        })
    }

    /// The last moment that counts: a time, or the end of a day.
    pub(crate) fn last_moment(&mut self, name: &str) -> Option<DateTime<Utc>> {
        self.0.parsed(name, TIME, |text| {
            time(text).or_else(|| {
                let next = day(text)?.checked_add_days(Days::new(1))?;
                next.and_time(NaiveTime::MIN).and_utc().checked_sub_signed(TimeDelta::milliseconds(1))
            })
        })
    }

    /// One or more of `allowed`, with commas between them, in upper or lower case.
    pub(crate) fn choices(&mut self, name: &str, allowed: &[&'static str]) -> Option<Vec<&'static str>> {
        let message = format!("must be one or more of {}, with commas between them", allowed.join(", "));
        self.0.parsed(name, &message, |text| {
            let choice =
                |part: &str| allowed.iter().copied().find(|known| known.eq_ignore_ascii_case(part.trim()));
            text.split(',').map(choice).collect()
        })
    }

    /// Refuses `low_name` when both are given and it is above the other.
    pub(crate) fn ordered<T: PartialOrd>(
        &mut self,
        (low_name, low): (&str, Option<T>),
        (high_name, high): (&str, Option<T>),
    ) {
        if let (Some(low), Some(high)) = (low, high) {
            let value = self.raw(low_name);
            self.0.fields.check(low <= high, low_name, value, format!("must not be above {high_name}"));
        }
    }
}

const TIME: &str =
    "must be a time as 2026-11-22T12:43:00Z or a day as 2026-11-22 (UTC), from the year 0001 to 9999";

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
    (1..=9_999).contains(&day.year())
}
