//! Durations as Go writes them.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::rule::Rule;

const UNITS: [(&str, f64); 7] =
    [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];

/// `2s`, `500ms`, `1m30s`, or plain milliseconds; the bounds are milliseconds.
pub(crate) fn duration(range: RangeInclusive<u64>) -> Rule<Duration> {
    let bounds = (Duration::from_millis(*range.start()), Duration::from_millis(*range.end()));
    let allowed = format!(
        "a duration such as 2s, 500ms or 1m30s, or plain milliseconds, from {:?} to {:?}",
        bounds.0, bounds.1
    );
    Rule::new("duration", allowed, move |text| {
        parse(text).filter(|value| (bounds.0..=bounds.1).contains(value)).ok_or_else(String::new)
    })
}

/// Go's `time.ParseDuration` without signs, and plain milliseconds.
fn parse(text: &str) -> Option<Duration> {
    if let Ok(millis) = text.parse() {
        return Some(Duration::from_millis(millis));
    }
    let mut rest = Some(text).filter(|text| !text.is_empty())?;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let seconds = UNITS.iter().find(|(name, _)| *name == unit)?.1;
        let part = Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()?;
        total = total.checked_add(part)?;
        rest = tail;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_durations_and_plain_milliseconds_are_read() {
        let millis = |text| parse(text).map(|value: Duration| value.as_millis());
        assert_eq!(millis("2s"), Some(2000));
        assert_eq!(millis("500ms"), Some(500));
        assert_eq!(millis("1m30s"), Some(90_000));
        assert_eq!(millis("1.5s"), Some(1500));
        assert_eq!(millis("2h"), Some(7_200_000));
        assert_eq!(millis("250"), Some(250));
        assert_eq!(millis("0"), Some(0));
        assert_eq!(parse("100us"), parse("100µs"));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "s", "2", "-2s", "2 s", "2x", "1.2.3s", "soon", "99999999999999999999h", "2s3"] {
            assert_eq!(parse(text).is_some(), text == "2", "{text}");
        }
    }

    #[test]
    fn durations_have_bounds() {
        let rule = duration(1..=60_000);
        assert!((rule.parse)("1m").is_ok());
        assert!((rule.parse)("0").is_err());
        assert!((rule.parse)("61s").is_err());
        assert!(rule.allowed.ends_with("from 1ms to 60s"), "{}", rule.allowed);
    }
}
