//! `esteira outbox`: rows that the log refuses.

use std::process::ExitCode;

use clap::Subcommand;
use esteira_config::Settings;
use serde_json::{Value, json};

use super::print::print_json;
use crate::admin::{Client, StuckRow};

/// What to do with outbox rows that cannot be published.
#[derive(Clone, Debug, Subcommand)]
pub enum Outbox {
    /// List the rows that the log has refused, oldest first
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Try rows again at once
    Retry {
        /// The rows' ids
        #[arg(required = true)]
        rows: Vec<i64>,
    },
    /// Give rows up: an event that changes nothing is published in their place
    Skip {
        /// The rows' ids
        #[arg(required = true)]
        rows: Vec<i64>,
        /// Kept beside the row
        #[arg(long)]
        reason: String,
    },
}

pub async fn outbox(settings: &Settings, command: Outbox) -> anyhow::Result<ExitCode> {
    let client = Client::open(settings).await?;
    let result = match command {
        Outbox::List { json } => list(&client, json).await,
        Outbox::Retry { rows } => each(&client, &rows, "retry", &Value::Null).await,
        Outbox::Skip { rows, reason } => each(&client, &rows, "skip", &json!({ "reason": reason })).await,
    };
    client.close().await;
    result
}

async fn list(client: &Client, json: bool) -> anyhow::Result<ExitCode> {
    let rows: Vec<StuckRow> = client.get("/admin/outbox").await?;
    if json {
        return print_json(&rows);
    }
    for StuckRow { id, aggregate, aggregate_id, event_type, attempts, error, .. } in &rows {
        let of = aggregate.as_deref().unwrap_or("?");
        let number = aggregate_id.map_or_else(String::new, |id| format!(" {id}"));
        println!(
            "{id}\t{event_type}\t{of}{number}\t{attempts} attempts\t{}",
            error.as_deref().unwrap_or("-")
        );
    }
    Ok(ExitCode::SUCCESS)
}

async fn each(client: &Client, rows: &[i64], verb: &str, body: &Value) -> anyhow::Result<ExitCode> {
    for id in rows {
        client.post::<()>(&format!("/admin/outbox/{id}/{verb}"), body).await?;
        println!("{id}: {}", if verb == "skip" { "given up" } else { "due at once" });
    }
    Ok(ExitCode::SUCCESS)
}
