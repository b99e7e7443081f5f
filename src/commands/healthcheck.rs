//! `esteira healthcheck`: asks the process on `PORT` whether it is ready.

use std::process::ExitCode;

use anyhow::Context;
use esteira_config::Settings;

use crate::platform::local_http;

pub async fn healthcheck(settings: &Settings) -> anyhow::Result<ExitCode> {
    let port = settings.port.context("PORT is not set: it says which process to ask")?;
    let (status, body) = local_http::get("127.0.0.1", port, "/readyz").await?;
    println!("{body}");
    Ok(if status == 200 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
