//! A GET to a process on this machine. HTTP/1.0 by hand: a client library would be the largest part of what uses it.

use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const TIMEOUT: Duration = Duration::from_secs(15);

/// The status and body of `GET path`.
pub async fn get(host: &str, port: u16, path: &str) -> anyhow::Result<(u16, String)> {
    let exchange = async {
        let mut stream = TcpStream::connect((host, port)).await?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n").as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        anyhow::Ok(answer)
    };
    let answer = tokio::time::timeout(TIMEOUT, exchange)
        .await
        .with_context(|| format!("{host}:{port} does not answer"))?
        .with_context(|| format!("{host}:{port} does not answer"))?;
    let Some((head, body)) = answer.split_once("\r\n\r\n") else {
        bail!("{host}:{port} does not speak HTTP")
    };
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.with_context(|| format!("{host}:{port} does not speak HTTP"))?, body.to_owned()))
}
