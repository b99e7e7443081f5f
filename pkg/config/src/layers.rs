//! Raw values by key: the file under the environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use config::{File, FileFormat, Map, Source, Value, ValueKind};

use crate::error::ConfigError;
use crate::nearest::nearest;
use crate::report::Origin;

/// The variable that names the file; it has no key in the file.
pub(crate) const FILE_VARIABLE: &str = "ESTEIRA_CONFIG";
/// The file that is read if it is there.
const FILE_NAME: &str = "esteira.toml";
/// Variables of the project's scripts and tests, which a program that they start inherits.
const SCRIPTS: [&str; 4] =
    ["ESTEIRA_TEST_", "ESTEIRA_ENGINES_", "ESTEIRA_REQUIRE_ENGINES", "ESTEIRA_TOOLS_DIR"];

/// Variables that may be given as a file instead, by their name and `_FILE`, as container platforms hand out secrets.
pub(crate) const SECRETS: [&str; 5] =
    ["MYSQL_DSN", "MONGO_URI", "ESTEIRA_ADMIN_TOKEN", "ESTEIRA_COMMAND_TOKEN", "ESTEIRA_KAFKA_SASL_PASSWORD"];
const FROM_FILE: &str = "_FILE";

/// A setting's names: its key in the file, then its variables, the strongest first.
pub(crate) type Names = (&'static str, &'static [&'static str]);

/// Text and origin of every value that somebody gave, by key.
pub(crate) type Given = BTreeMap<&'static str, (String, Origin)>;

/// # Errors
/// If the file cannot be read, or either layer names what is no setting.
pub(crate) fn collect(
    names: &[Names],
    variables: &[(String, String)],
    dir: &Path,
) -> Result<Given, ConfigError> {
    let mut given = match file_path(variables, dir) {
        Some(path) => from_file(names, &path)?,
        None => Given::new(),
    };
    given.extend(from_environment(names, variables)?);
    given.extend(from_secret_files(names, variables, dir)?);
    Ok(given)
}

/// A file that is named must be there; the one in the working directory may.
fn file_path(variables: &[(String, String)], dir: &Path) -> Option<PathBuf> {
    let named = variables.iter().find(|(name, text)| name == FILE_VARIABLE && !text.trim().is_empty());
    let usual = dir.join(FILE_NAME);
    named.map(|(_, path)| dir.join(path.trim())).or_else(|| usual.is_file().then_some(usual))
}

fn from_environment(names: &[Names], variables: &[(String, String)]) -> Result<Given, ConfigError> {
    let known = |name: &str| {
        names.iter().any(|(_, envs)| envs.contains(&name))
            || name == FILE_VARIABLE
            || secret_of(name).is_some()
    };
    for (name, text) in variables {
        if name.starts_with("ESTEIRA_")
            && !known(name)
            && !SCRIPTS.iter().any(|ours| name.starts_with(ours))
            && !is_service_link(name, text)
        {
            let candidates = names.iter().flat_map(|(_, envs)| envs.iter().copied()).chain([FILE_VARIABLE]);
            let nearest = nearest(name, candidates).to_owned();
            return Err(ConfigError::Unknown { name: name.clone(), origin: Origin::Environment, nearest });
        }
    }
    // An empty variable is as none: Compose files pass empty ones on.
    let value = |env: &str| variables.iter().find(|(name, text)| name == env && !text.trim().is_empty());
    let found = names.iter().filter_map(|(key, envs)| {
        let (_, text) = envs.iter().find_map(|env| value(env))?;
        Some((*key, (text.trim().to_owned(), Origin::Environment)))
    });
    Ok(found.collect())
}

/// The variable whose value the file that `name` names has.
fn secret_of(name: &str) -> Option<&'static str> {
    let variable = name.strip_suffix(FROM_FILE)?;
    SECRETS.into_iter().find(|secret| *secret == variable)
}

fn from_secret_files(
    names: &[Names],
    variables: &[(String, String)],
    dir: &Path,
) -> Result<Given, ConfigError> {
    let mut given = Given::new();
    let files = variables.iter().filter(|(_, path)| !path.trim().is_empty());
    for (name, path) in files {
        let Some(secret) = secret_of(name) else { continue };
        if variables.iter().any(|(other, text)| other == secret && !text.trim().is_empty()) {
            let problem = format!("{name} names it, and {secret} is given too");
            return Err(ConfigError::File { path: dir.join(path.trim()), problem });
        }
        let path = dir.join(path.trim());
        let text = std::fs::read_to_string(&path).map_err(|error| ConfigError::File {
            path: path.clone(),
            problem: format!("{name} names it, and it cannot be read: {error}"),
        })?;
        if text.trim().is_empty() {
            // A secret that has not arrived yet must not leave open what it is to close.
            let problem = format!("{name} names it, and it is empty");
            return Err(ConfigError::File { path, problem });
        }
        if let Some((key, _)) = names.iter().find(|(_, envs)| envs.contains(&secret)) {
            given.insert(key, (text.trim().to_owned(), Origin::File(path)));
        }
    }
    Ok(given)
}

/// Kubernetes gives every pod such variables for a service named `esteira…`.
fn is_service_link(name: &str, text: &str) -> bool {
    let address = text.starts_with("tcp://") || text.starts_with("udp://");
    address || ["_SERVICE_HOST", "_SERVICE_PORT", "_TCP_", "_UDP_"].iter().any(|part| name.contains(part))
}

fn from_file(names: &[Names], path: &Path) -> Result<Given, ConfigError> {
    let wrong = |problem: String| ConfigError::File { path: path.to_owned(), problem };
    if !path.is_file() {
        return Err(wrong(format!("{FILE_VARIABLE} names it, and there is no such file")));
    }
    let table =
        File::from(path).format(FileFormat::Toml).collect().map_err(|error| wrong(one_line(&error)))?;
    let mut flat = Vec::new();
    flatten("", table, &mut flat).map_err(|key| wrong(format!("{key} is neither a text nor a number")))?;
    let origin = Origin::File(path.to_owned());
    let mut given = Given::new();
    for (name, text) in flat {
        let Some((key, _)) = names.iter().find(|(key, envs)| is_named(&name, key, envs)) else {
            let nearest = nearest(&name, names.iter().map(|(key, _)| *key)).to_owned();
            return Err(ConfigError::Unknown { name, origin, nearest });
        };
        if given.insert(*key, (text, origin.clone())).is_some() {
            return Err(ConfigError::Twice { name, origin });
        }
    }
    given.retain(|_, (text, _)| !text.is_empty());
    Ok(given)
}

/// By its key or, as in the environment, by a variable's name.
fn is_named(name: &str, key: &str, envs: &[&str]) -> bool {
    name.eq_ignore_ascii_case(key) || envs.iter().any(|env| name.eq_ignore_ascii_case(env))
}

/// Tables join their name to their keys, so that `[kafka]` `brokers` is `kafka_brokers`. Fails with the key of a value
/// that is no text, number, boolean or list of these.
fn flatten(prefix: &str, table: Map<String, Value>, flat: &mut Vec<(String, String)>) -> Result<(), String> {
    for (key, value) in table {
        let key = if prefix.is_empty() { key } else { format!("{prefix}_{key}") };
        if let ValueKind::Table(inner) = value.kind {
            flatten(&key, inner, flat)?;
            continue;
        }
        let text = plain(value.kind).ok_or_else(|| key.clone())?;
        flat.push((key, text));
    }
    Ok(())
}

fn plain(kind: ValueKind) -> Option<String> {
    match kind {
        ValueKind::String(text) => Some(text.trim().to_owned()),
        ValueKind::Boolean(value) => Some(value.to_string()),
        ValueKind::I64(number) => Some(number.to_string()),
        ValueKind::I128(number) => Some(number.to_string()),
        ValueKind::U64(number) => Some(number.to_string()),
        ValueKind::U128(number) => Some(number.to_string()),
        ValueKind::Float(number) => Some(number.to_string()),
        ValueKind::Array(items) => items
            .into_iter()
            .map(|item| plain(item.kind))
            .collect::<Option<Vec<_>>>()
            .map(|items| items.join(",")),
        ValueKind::Nil | ValueKind::Table(_) => None,
    }
}

/// The place and the fault; the lines between them quote the file, which may hold a password.
fn one_line(error: &config::ConfigError) -> String {
    let text = error.to_string();
    let lines: Vec<&str> =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.contains('|')).collect();
    lines.join(": ")
}
