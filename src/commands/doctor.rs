//! `esteira doctor`: every engine, one line each.

use std::process::ExitCode;

use esteira_config::Settings;

pub async fn doctor(_settings: &Settings) -> anyhow::Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
