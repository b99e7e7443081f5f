//! Settings as an operator gives them.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod errors;
mod kafka;
mod layers;
mod mysql;

use std::path::Path;

use esteira_config::{ConfigError, Settings};
use tempfile::TempDir;

/// Settings from these variables and this `esteira.toml`.
fn load(variables: &[(&str, &str)], file: &str) -> Result<Settings, ConfigError> {
    let dir = TempDir::new().unwrap();
    if !file.is_empty() {
        std::fs::write(dir.path().join("esteira.toml"), file).unwrap();
    }
    load_in(dir.path(), variables)
}

fn load_in(dir: &Path, variables: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    Settings::from_variables(
        variables.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())),
        dir,
    )
}

/// The one line that stops the program.
fn refusal(variables: &[(&str, &str)], file: &str) -> String {
    let text = load(variables, file).unwrap_err().to_string();
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}
