//! `esteira healthcheck`: asks the process on `PORT` whether it is ready.

use std::time::Duration;

use anyhow::Context;
use axum::body::Body;
use axum::http::Request;
use esteira_config::Settings;
use http_body_util::BodyExt;
use serde_json::Value;

use super::print::{Output, Unwritable, print_json, say};
use crate::exit::{Exit, WrongSetting};
use crate::platform::send;

const TIMEOUT: Duration = Duration::from_secs(15);

pub async fn healthcheck(settings: &Settings, output: Output) -> anyhow::Result<Exit> {
    let unset = || WrongSetting("PORT is not set: it says which process to ask".to_owned());
    let port = settings.port.ok_or_else(unset)?;
    let exchange = async {
        let response = send("127.0.0.1", port, Request::get("/readyz").body(Body::empty())?).await?;
        let ready = response.status().is_success();
        anyhow::Ok((ready, response.into_body().collect().await?.to_bytes()))
    };
    let (ready, body) = tokio::time::timeout(TIMEOUT, exchange)
        .await
        .with_context(|| format!("127.0.0.1:{port} does not answer"))??;
    let told: Value = serde_json::from_slice(&body)
        .with_context(|| format!("127.0.0.1:{port} gave another answer than expected"))?;
    if output.json {
        print_json(&told)?;
    } else {
        print(&told)?;
    }
    Ok(Exit::found_if(!ready))
}

fn print(told: &Value) -> Result<(), Unwritable> {
    let text = |of: &Value, member: &str| of[member].as_str().unwrap_or_default().to_owned();
    say!("{}", text(told, "status"))?;
    for stage in told["stages"].as_array().into_iter().flatten() {
        say!("  {:<20} {}  {}", text(stage, "name"), text(stage, "state"), text(stage, "reason"))?;
    }
    Ok(())
}
