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
    /// Weaker variables of the same setting.
    pub also: &'static [&'static str],
    /// The value as text; empty is not set. Secrets are hidden.
    pub value: String,
    /// Where the value comes from.
    pub origin: Origin,
    /// What it is, in a word or two.
    pub kind: &'static str,
    /// The default as text.
    pub default: &'static str,
    /// The roles and tools that read it.
    pub readers: &'static str,
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

/// The settings as a page of the documentation.
pub fn markdown(settings: &[Effective]) -> String {
    let mut text = HEAD.to_owned();
    for row in settings {
        let default =
            if row.default.is_empty() { "not set".to_owned() } else { format!("`{}`", row.default) };
        let names: Vec<String> =
            std::iter::once(&row.env).chain(row.also).map(|name| format!("`{name}`")).collect();
        let secret = if row.secret {
            format!("yes: hidden everywhere, may be in the file that `{}_FILE` names", row.env)
        } else {
            "no".into()
        };
        let lines = [
            format!("\n## `{}`\n\n{}.\n", row.env, row.about),
            "| | |\n| --- | --- |".to_owned(),
            format!("| variable | {} |", names.join(", or weaker ")),
            format!("| key in the file | `{}` |", row.key),
            format!("| type | {} |", row.kind),
            format!("| allowed | {} |", row.allowed.replace('|', "\\|")),
            format!("| default | {default} |"),
            format!("| read by | {} |", row.readers),
            format!("| secret | {secret} |\n"),
        ];
        text.push_str(&lines.join("\n"));
    }
    text
}

const HEAD: &str = "\
# Configuration

Made by `esteira config --reference > docs/configuration.md`; a test compares.

A setting is an environment variable or, weaker, a key of `esteira.toml` in the working directory, or of the file that
`ESTEIRA_CONFIG` names. There a key may be written as the variable, in a table (`[kafka]` `brokers`), and as a list. An
empty value is as none. A wrong value, and an `ESTEIRA_…` variable or a key that is no setting, stop the start with a
line that names it and exit code 2. `esteira config` shows what is in force and where each value comes from.

Variables that begin with `ESTEIRA_TEST_` or `ESTEIRA_ENGINES_`, `ESTEIRA_REQUIRE_ENGINES` and `ESTEIRA_TOOLS_DIR` are
of the scripts and tests.
";
