//! `data/LOCK`: the embedded engines are for one process.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, bail};
use esteira_config::Settings;

use super::places::{LOG_FILE, STORE_FILE, VIEWS_FILE};

const NAME: &str = "LOCK";

/// Held as long as the file is open; the operating system gives it up when the process dies.
#[derive(Debug)]
pub struct DataLock(#[expect(dead_code, reason = "the lock lives as long as the open file")] File);

impl DataLock {
    /// Takes the lock of `data_dir`, creating the directory where it is missing.
    pub fn take(data_dir: &Path) -> anyhow::Result<Self> {
        Self::try_take(data_dir)?.with_context(|| {
            format!(
                "{} is held by another esteira: the embedded engines are for one process. Stop it, set \
                 ESTEIRA_DATA_DIR to another directory, or set MYSQL_DSN, KAFKA_BROKERS and MONGO_URI",
                data_dir.join(NAME).display()
            )
        })
    }

    /// `None` where another process has it.
    fn try_take(data_dir: &Path) -> anyhow::Result<Option<Self>> {
        fs::create_dir_all(data_dir)
            .with_context(|| format!("ESTEIRA_DATA_DIR: {} cannot be created", data_dir.display()))?;
        let path = data_dir.join(NAME);
        let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let mut file = match opened {
            // Another user's, who may have it.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && is_held(&path) => {
                return Ok(None);
            }
            opened => opened.with_context(|| format!("{} cannot be opened", path.display()))?,
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error).with_context(|| path.display().to_string()),
        }
        file.set_len(0)?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Some(Self(file)))
    }
}

fn is_held(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Whether an embedded engine is wanted that another process has open. Where there is none at all, a tool would make a platform
/// and find it in good order: that is refused.
pub fn held_elsewhere(settings: &Settings) -> anyhow::Result<bool> {
    let embedded = [
        (settings.mysql_dsn.is_none(), "MYSQL_DSN", STORE_FILE),
        (settings.kafka_brokers.is_none(), "KAFKA_BROKERS", LOG_FILE),
        (settings.mongo_uri.is_none(), "MONGO_URI", VIEWS_FILE),
    ];
    let embedded: Vec<_> = embedded.into_iter().filter(|(wanted, ..)| *wanted).collect();
    if embedded.is_empty() {
        return Ok(false);
    }
    let data_dir = &settings.data_dir;
    if !embedded.iter().any(|(_, _, file)| data_dir.join(file).exists()) {
        let list = |names: Vec<&str>| names.join(", ");
        bail!(
            "ESTEIRA_DATA_DIR: {} is no platform's: it has none of {}. Name the directory of one, or its servers by {}",
            data_dir.display(),
            list(embedded.iter().map(|(_, _, file)| *file).collect()),
            list(embedded.iter().map(|(_, setting, _)| *setting).collect()),
        );
    }
    Ok(DataLock::try_take(data_dir)?.is_none())
}
