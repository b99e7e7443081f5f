//! Numbers, times and bytes, as people read them.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use maud::{Markup, Render, html};
use serde_json::Value;

/// The most bytes of a value, a key or a header that are shown among many.
pub(crate) const LINE_BYTES: usize = 8 * 1024;
/// The most of one that has a page to itself.
pub(crate) const PAGE_BYTES: usize = 256 * 1024;

/// `12,345`.
pub(crate) fn number(number: impl Into<i64>) -> String {
    let number: i64 = number.into();
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0 { format!("-{text}") } else { text }
}

/// A count that ended at `limit`: `10,000+`.
pub(crate) fn count(counted: i64, limit: u32) -> String {
    let more = if counted >= i64::from(limit) { "+" } else { "" };
    format!("{}{more}", number(counted))
}

/// `1 event`, `12 events`, `10,000+ events`.
pub(crate) fn things(counted: u64, limit: u32, what: &str) -> String {
    let plural = if counted == 1 { "" } else { "s" };
    format!("{} {what}{plural}", count(counted.cast_signed(), limit))
}

/// `0`, `2.5`, `1,234` a second.
pub(crate) fn rate(per_second: f64) -> String {
    if per_second > 0.0 && per_second < 9.95 {
        return format!("{per_second:.1}");
    }
    #[expect(clippy::cast_possible_truncation, reason = "no rate comes near the limit")]
    number(per_second.round() as i64)
}

/// `3 s`, `12 min`, `5 h`, `2 d`.
pub(crate) fn age(age: TimeDelta) -> String {
    match age.num_seconds().max(0) {
        0 => "< 1 s".to_owned(),
        seconds @ ..120 => format!("{seconds} s"),
        seconds @ ..7_200 => format!("{} min", seconds / 60),
        seconds @ ..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// From one event to the next: `+12 ms`, `+1.5 s`, `+3 min`.
pub(crate) fn lapse(lapse: TimeDelta) -> String {
    match lapse.num_milliseconds().max(0) {
        millis @ ..1_000 => format!("+{millis} ms"),
        millis @ ..60_000 => format!("+{}.{} s", millis / 1_000, millis % 1_000 / 100),
        _ => format!("+{}", age(lapse)),
    }
}

/// How long ago `at` was.
pub(crate) fn since(at: DateTime<Utc>) -> String {
    age(Utc::now() - at)
}

/// A time, to the millisecond where a program reads it.
pub(crate) fn time(at: DateTime<Utc>) -> Markup {
    let exact = at.to_rfc3339_opts(SecondsFormat::Millis, true);
    html! {
        time datetime=(exact) title=(exact) { (at.format("%Y-%m-%d %H:%M:%S")) }
    }
}

/// As [`time`], and how long ago that was.
pub(crate) fn time_and_age(at: DateTime<Utc>) -> Markup {
    html! { (time(at)) " " span.quiet { "(" (since(at)) " ago)" } }
}

/// The beginning of what may be large.
pub(crate) struct Beginning {
    bytes: Vec<u8>,
    /// How many bytes there are of it.
    all: usize,
}

impl Beginning {
    /// Up to `most` bytes of `bytes`, and no part of a character.
    pub(crate) fn of(bytes: &[u8], most: usize) -> Self {
        let continues = |end: usize| bytes.get(end).is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000);
        let end = (most.saturating_sub(3)..=most).rev().find(|end| !continues(*end)).unwrap_or(most);
        Self { bytes: bytes[..end.min(bytes.len())].to_vec(), all: bytes.len() }
    }

    fn is_all(&self) -> bool {
        self.bytes.len() == self.all
    }

    /// As text of one line, for the head of a record.
    pub(crate) fn line(&self) -> String {
        String::from_utf8_lossy(&self.bytes).chars().map(visible).take(140).collect()
    }
}

/// Control characters have pictures.
fn visible(letter: char) -> char {
    match letter {
        '\t' | '\n' | '\r' => ' ',
        '\0'..' ' => char::from_u32(0x2400 + u32::from(letter)).unwrap_or(' '),
        '\u{7f}'..='\u{9f}' => '␡',
        letter => letter,
    }
}

/// As text, with replacement characters where it is none, which is said.
impl Render for Beginning {
    fn render(&self) -> Markup {
        let text = String::from_utf8_lossy(&self.bytes);
        let lines = text.chars().map(|letter| if letter == '\n' { letter } else { visible(letter) });
        html! {
            (lines.collect::<String>())
            @if text.as_bytes() != self.bytes { " " span.tag { "not UTF-8" } }
            @if !self.is_all() { "… " span.tag { "the first " (number(self.bytes.len().cast_signed() as i64)) " of " (number(self.all.cast_signed() as i64)) " bytes" } }
        }
    }
}

/// A record's value: JSON with its lines, or the bytes as they are.
pub(crate) fn value(value: Option<&Beginning>) -> Markup {
    let Some(value) = value else { return html! { p.quiet { "No value: a tombstone." } } };
    match serde_json::from_slice::<Value>(&value.bytes) {
        Ok(json) if value.is_all() => document(&json),
        Ok(_) | Err(_) => html! { pre.json tabindex="0" aria-label="Value" { (value) } },
    }
}

/// JSON with a line a field.
pub(crate) fn document(json: &Value) -> Markup {
    let text = serde_json::to_string_pretty(json).unwrap_or_default();
    html! { pre.json tabindex="0" aria-label="JSON" { (Beginning::of(text.as_bytes(), PAGE_BYTES)) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_thousands_apart() {
        assert_eq!(
            ["0", "999", "1,000", "-12,345,678"].map(str::to_owned),
            [number(0), number(999), number(1_000), number(-12_345_678)]
        );
        assert_eq!((count(9, 10), count(10, 10)), ("9".to_owned(), "10+".to_owned()));
        assert_eq!([things(1, 10, "row"), things(10, 10, "row")], ["1 row", "10+ rows"]);
        assert_eq!([rate(0.0), rate(0.25), rate(1_234.4)], ["0", "0.2", "1,234"]);
    }

    #[test]
    fn ages_have_one_unit() {
        let ages = [0, 5, 119, 120, 7_199, 7_200, 200_000].map(|s| age(TimeDelta::seconds(s)));
        assert_eq!(ages, ["< 1 s", "5 s", "119 s", "2 min", "119 min", "2 h", "2 d"]);
        assert_eq!(age(TimeDelta::seconds(-3)), "< 1 s");
        let lapses = [0, 999, 1_540, 150_000].map(|millis| lapse(TimeDelta::milliseconds(millis)));
        assert_eq!(lapses, ["+0 ms", "+999 ms", "+1.5 s", "+2 min"]);
    }

    fn shown(bytes: &[u8]) -> String {
        value(Some(&Beginning::of(bytes, LINE_BYTES))).into_string()
    }

    #[test]
    fn markup_in_a_record_is_text() {
        let shown_json = shown(b"{\"name\": \"<script>alert(1)</script>\"}");
        assert!(shown_json.contains("&lt;script&gt;") && !shown_json.contains("<script>"), "{shown_json}");
        let shown_bytes = shown(b"\xff<script>");
        assert!(shown_bytes.contains("not UTF-8") && !shown_bytes.contains("<script>"), "{shown_bytes}");
    }

    #[test]
    fn what_is_large_is_cut_between_characters() {
        let text = "é".repeat(LINE_BYTES);
        for (before, most) in [("", LINE_BYTES), ("x", LINE_BYTES), ("", 1)] {
            let beginning = Beginning::of(format!("{before}{text}").as_bytes(), most);
            assert!(beginning.bytes.len() <= most && std::str::from_utf8(&beginning.bytes).is_ok());
        }
        let cut = shown(text.as_bytes());
        assert!(cut.contains("the first 8,192 of 16,384 bytes") && !cut.contains("UTF-8"));
        assert_eq!(Beginning::of(&[0xBF; 10], 4).bytes, [0xBF; 4]);
    }
}
