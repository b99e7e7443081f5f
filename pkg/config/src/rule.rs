//! How the text of a setting becomes a value, what is allowed, and how much of it may be shown.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

/// What is wrong with a value; empty if what is allowed says it all.
pub(crate) type Reason = String;

type Parse<T> = Box<dyn Fn(&str) -> Result<T, Reason>>;

/// How the text of one setting is read and shown.
pub(crate) struct Rule<T> {
    /// What it is, in a word or two.
    pub(crate) kind: &'static str,
    /// What is allowed, for people.
    pub(crate) allowed: String,
    pub(crate) parse: Parse<T>,
    pub(crate) show: Show,
}

/// How much of a value may be shown.
#[derive(Clone, Copy)]
pub(crate) enum Show {
    /// All of it.
    All,
    /// All of it once it was found to hold no secret.
    Checked,
    /// All but the password inside; the value itself is shown in no error.
    Masked(fn(&str) -> String),
    /// Nothing.
    Nothing,
}

/// What stands for a secret.
pub(crate) const MASK: &str = "***";

impl Show {
    /// The value for `esteira config`.
    pub(crate) fn value(self, text: &str) -> String {
        match self {
            _ if text.is_empty() => String::new(),
            Self::All | Self::Checked => text.to_owned(),
            Self::Masked(mask) => mask(text),
            Self::Nothing => MASK.to_owned(),
        }
    }

    /// The value for an error: what could not be read cannot be masked either.
    pub(crate) fn in_error(self, text: &str) -> String {
        match self {
            Self::All => format!("{text:?}"),
            Self::Checked | Self::Masked(_) | Self::Nothing => "the value".to_owned(),
        }
    }

    pub(crate) fn is_secret(self) -> bool {
        !matches!(self, Self::All | Self::Checked)
    }
}

impl<T: 'static> Rule<T> {
    pub(crate) fn new(
        kind: &'static str,
        allowed: impl Into<String>,
        parse: impl Fn(&str) -> Result<T, Reason> + 'static,
    ) -> Self {
        Self { kind, allowed: allowed.into(), parse: Box::new(parse), show: Show::All }
    }

    pub(crate) fn showing(mut self, show: Show) -> Self {
        self.show = show;
        self
    }
}

/// Empty is not set.
pub(crate) fn optional<T: 'static>(rule: Rule<T>) -> Rule<Option<T>> {
    let Rule { kind, allowed, parse, show } = rule;
    Rule::new(kind, allowed, move |text| if text.is_empty() { Ok(None) } else { parse(text).map(Some) })
        .showing(show)
}

pub(crate) fn text() -> Rule<String> {
    Rule::new("text", "any text", |text| Ok(text.to_owned()))
}

pub(crate) fn secret() -> Rule<Secret> {
    Rule::new("secret", "any text", |text| Ok(Secret(text.to_owned()))).showing(Show::Nothing)
}

/// What a program sends as a bearer token: several, so that one can be replaced while clients still have the other.
pub(crate) fn tokens() -> Rule<Tokens> {
    Rule::new(
        "secrets",
        "tokens of visible ASCII characters without commas; commas or line breaks between",
        |text| {
            let tokens = text.split([',', '\n']).map(str::trim).filter(|token| !token.is_empty());
            let tokens: Vec<Secret> = tokens.map(|token| Secret(token.to_owned())).collect();
            if tokens.is_empty() {
                return Err("it has no token".to_owned());
            }
            let visible = |token: &Secret| token.0.bytes().all(|byte| byte.is_ascii_graphic());
            if tokens.iter().all(visible) { Ok(Tokens(tokens)) } else { Err(String::new()) }
        },
    )
    .showing(Show::Nothing)
}

pub(crate) fn path() -> Rule<PathBuf> {
    Rule::new("path", "a path", |text| Ok(PathBuf::from(text)))
}

pub(crate) fn integer<T>(range: RangeInclusive<T>) -> Rule<T>
where
    T: FromStr + PartialOrd + fmt::Display + 'static,
{
    let allowed = format!("an integer from {} to {}", range.start(), range.end());
    Rule::new("integer", allowed, move |text| in_range(text, &range).ok_or_else(String::new))
}

fn in_range<T: FromStr + PartialOrd>(text: &str, range: &RangeInclusive<T>) -> Option<T> {
    text.parse().ok().filter(|value| range.contains(value))
}

pub(crate) fn port() -> Rule<u16> {
    Rule::new("port", "a port from 1 to 65535, or 0 for any free one", |text| {
        text.parse().map_err(|_| {
            let link = text.starts_with("tcp://");
            if link {
                "a Kubernetes service link, which enableServiceLinks: false turns off".into()
            } else {
                String::new()
            }
        })
    })
}

pub(crate) fn ratio() -> Rule<f64> {
    Rule::new("number", "a number from 0 to 1", |text| in_range(text, &(0.0..=1.0)).ok_or_else(String::new))
}

/// -1 leaves the choice to the broker.
pub(crate) fn replication() -> Rule<i32> {
    Rule::new("integer", "an integer from 1 to 100, or -1 for the broker's default", |text| {
        text.parse().ok().filter(|n| *n == -1 || (1..=100).contains(n)).ok_or_else(String::new)
    })
}

/// A beginning of topic and group names: what Kafka allows in a topic's name.
pub(crate) fn prefix() -> Rule<String> {
    Rule::new("text", "at most 100 letters, digits, dots, hyphens and underscores", |text| {
        let legal = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        if legal && text.len() <= 100 { Ok(text.to_owned()) } else { Err(String::new()) }
    })
}

/// A secret text, which `Debug` hides.
#[derive(Clone, Eq, PartialEq)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for the client library that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// Tokens, at least one, which `Debug` hides.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tokens(Vec<Secret>);

impl Tokens {
    /// The one that our own tools send.
    pub fn first(&self) -> &Secret {
        &self.0[0]
    }

    /// The texts themselves, for whoever compares.
    pub fn reveal(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(Secret::reveal)
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_bounds() {
        let rule = integer::<u32>(1..=64);
        assert_eq!(rule.allowed, "an integer from 1 to 64");
        assert_eq!((rule.parse)("64"), Ok(64));
        for text in ["0", "65", "-1", "x", "1.5", ""] {
            assert!((rule.parse)(text).is_err(), "{text}");
        }
        assert_eq!((replication().parse)("-1"), Ok(-1));
        assert!((replication().parse)("0").is_err());
    }

    #[test]
    fn a_ratio_is_a_part_of_one() {
        for (text, value) in [("0", 0.0), ("0.05", 0.05), ("1", 1.0)] {
            assert_eq!((ratio().parse)(text), Ok(value));
        }
        for text in ["-0.1", "1.1", "5%", "NaN", "inf", ""] {
            assert!((ratio().parse)(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_service_link_as_a_port_is_explained() {
        assert_eq!((port().parse)("0"), Ok(0));
        assert!((port().parse)("65536").is_err());
        assert!((port().parse)("tcp://10.0.0.1:8081").unwrap_err().contains("enableServiceLinks"));
    }

    #[test]
    fn a_prefix_is_legal_in_a_topic_name() {
        assert_eq!((prefix().parse)("test-1_a."), Ok("test-1_a.".into()));
        assert!((prefix().parse)("test/1").is_err());
        assert!((prefix().parse)(&"x".repeat(101)).is_err());
    }

    #[test]
    fn tokens_are_a_list_in_a_line_or_in_lines() {
        let read = |text| (tokens().parse)(text).map(|tokens| tokens.reveal().collect::<Vec<_>>().join("|"));
        assert_eq!(read("a-1,b-2"), Ok("a-1|b-2".to_owned()));
        assert_eq!(read("a-1\r\n\nb-2\n"), Ok("a-1|b-2".to_owned()));
        assert_eq!(read(","), Err("it has no token".to_owned()));
        assert!(read("a b").is_err() && read("ä").is_err());
        assert_eq!(format!("{:?}", (tokens().parse)("hunter2").unwrap()), "Tokens([***])");
    }

    #[test]
    fn secrets_are_shown_nowhere() {
        let rule = secret();
        assert_eq!(format!("{:?}", (rule.parse)("hunter2").unwrap()), "***");
        assert_eq!(rule.show.value("hunter2"), "***");
        assert_eq!(rule.show.value(""), "");
        assert_eq!(rule.show.in_error("hunter2"), "the value");
    }
}
