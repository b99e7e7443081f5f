//! `esteira healthcheck`: asks the process on `PORT` whether it is ready.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use axum::body::Body;
use axum::http::Request;
use esteira_config::Settings;
use http_body_util::BodyExt;

use crate::platform::send;

const TIMEOUT: Duration = Duration::from_secs(15);

pub async fn healthcheck(settings: &Settings) -> anyhow::Result<ExitCode> {
    let port = settings.port.context("PORT is not set: it says which process to ask")?;
    let exchange = async {
        let response = send("127.0.0.1", port, Request::get("/readyz").body(Body::empty())?).await?;
        let ready = response.status().is_success();
        anyhow::Ok((ready, response.into_body().collect().await?.to_bytes()))
    };
    let (ready, body) = tokio::time::timeout(TIMEOUT, exchange)
        .await
        .with_context(|| format!("127.0.0.1:{port} does not answer"))??;
    println!("{}", String::from_utf8_lossy(&body));
    Ok(if ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
