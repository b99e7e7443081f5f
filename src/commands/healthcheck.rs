//! `esteira healthcheck`: asks the process on `PORT` whether it is ready.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use esteira_config::Settings;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const TIMEOUT: Duration = Duration::from_secs(3);

pub async fn healthcheck(settings: &Settings) -> anyhow::Result<ExitCode> {
    let port = settings.port.context("PORT is not set: it says which process to ask")?;
    let status = tokio::time::timeout(TIMEOUT, readiness(port)).await.context("no answer in time")??;
    println!("{status}");
    Ok(if status.contains(" 200 ") { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The status line of `GET /readyz`. HTTP/1.0 by hand: a client library would be the largest part of this command.
async fn readiness(port: u16) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.with_context(|| format!("port {port}"))?;
    stream.write_all(b"GET /readyz HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}
