//! What is in force and where it comes from, for `esteira config`.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

/// Where a value comes from.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A key of this file.
    File(PathBuf),
    /// A variable.
    Environment,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => path.display().fmt(f),
            Self::Environment => f.write_str("environment"),
        }
    }
}

/// One setting with its value in force.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Effective {
    /// The key in `esteira.toml`.
    pub key: &'static str,
    /// The environment variable.
    pub env: &'static str,
    /// The value as text; empty is not set. Secrets are hidden.
    pub value: String,
    /// Where the value comes from.
    pub origin: Origin,
    /// The default as text.
    pub default: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// What is allowed.
    pub allowed: String,
    /// Whether the value is, or contains, a secret.
    pub secret: bool,
}

/// The settings as a text table: variable, value, origin.
pub fn render(settings: &[Effective]) -> String {
    let shown = |row: &Effective| if row.value.is_empty() { "-".to_owned() } else { row.value.clone() };
    let widest = |of: fn(&Effective) -> usize| settings.iter().map(of).max().unwrap_or_default();
    let (names, values) = (widest(|row| row.env.len()), widest(|row| row.value.chars().count()).min(60));
    let mut text = String::new();
    for row in settings {
        let line = format!("{:names$}  {:values$}  {}", row.env, shown(row), row.origin);
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
