//! Where the engines are.

use std::path::Path;

use esteira_config::Settings;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The embedded engines' files in the data directory.
pub const STORE_FILE: &str = "store.db";
pub const LOG_FILE: &str = "log.db";
pub const VIEWS_FILE: &str = "views.db";

/// Where each engine is, without passwords.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Places {
    pub store: String,
    pub log: String,
    pub views: String,
}

impl Places {
    pub fn of(settings: &Settings) -> Self {
        let file = |name: &str| path(&settings.data_dir, name);
        let (dsn, brokers, uri) = (&settings.mysql_dsn, &settings.kafka_brokers, &settings.mongo_uri);
        Self {
            store: dsn.as_ref().map_or_else(|| file(STORE_FILE), ToString::to_string),
            log: brokers.as_ref().map_or_else(|| file(LOG_FILE), ToString::to_string),
            views: uri.as_ref().map_or_else(|| file(VIEWS_FILE), ToString::to_string),
        }
    }

    /// As [`Self::of`], each with its engine's name before it.
    pub fn named(settings: &Settings) -> Self {
        let Self { store, log, views } = Self::of(settings);
        let name = |is_server: bool, name: &'static str| if is_server { name } else { "SQLite" };
        Self {
            store: format!("{} {store}", name(settings.mysql_dsn.is_some(), "MySQL")),
            log: format!("{} {log}", name(settings.kafka_brokers.is_some(), "Kafka")),
            views: format!("{} {views}", name(settings.mongo_uri.is_some(), "MongoDB")),
        }
    }
}

fn path(data_dir: &Path, name: &str) -> String {
    data_dir.join(name).display().to_string()
}
