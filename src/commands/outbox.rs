//! `esteira outbox`: rows that the log refuses.

use clap::Subcommand;
use esteira_config::Settings;
use serde_json::{Value, json};

use super::print::{Output, print_json, say};
use super::values;
use crate::admin::{Client, StuckRow};
use crate::exit::Exit;

/// What to do with outbox rows that cannot be published.
#[derive(Clone, Debug, Subcommand)]
pub enum Outbox {
    /// List the rows that the log has refused, oldest first
    #[command(after_help = "Examples:\n  esteira outbox list\n  esteira outbox list --json")]
    List(Output),
    /// Try rows again at once
    #[command(after_help = "Examples:\n  esteira outbox retry 17 18")]
    Retry {
        /// The rows' ids
        #[arg(required = true, value_parser = values::id)]
        rows: Vec<i64>,
        #[command(flatten)]
        output: Output,
    },
    /// Give rows up: an event that changes nothing is published in their place
    #[command(after_help = "Examples:\n  esteira outbox skip 17 --reason 'larger than the topic takes'")]
    Skip {
        /// The rows' ids
        #[arg(required = true, value_parser = values::id)]
        rows: Vec<i64>,
        /// Kept beside the row
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        output: Output,
    },
}

pub async fn outbox(settings: &Settings, command: Outbox) -> anyhow::Result<Exit> {
    let client = Client::open(settings).await?;
    let result = match command {
        Outbox::List(output) => list(&client, output).await,
        Outbox::Retry { rows, output } => each(&client, &rows, "retry", &Value::Null, output).await,
        Outbox::Skip { rows, reason, output } => {
            each(&client, &rows, "skip", &json!({ "reason": reason }), output).await
        }
    };
    client.close().await;
    result
}

async fn list(client: &Client, output: Output) -> anyhow::Result<Exit> {
    let rows: Vec<StuckRow> = client.get("/admin/outbox").await?;
    if output.json {
        return print_json(&rows);
    }
    for StuckRow { id, aggregate, aggregate_id, event_type, attempts, error, .. } in &rows {
        let of = aggregate.as_deref().unwrap_or("?");
        let number = aggregate_id.map_or_else(String::new, |id| format!(" {id}"));
        say!("{id}\t{event_type}\t{of}{number}\t{attempts} attempts\t{}", error.as_deref().unwrap_or("-"))?;
    }
    Ok(Exit::Done)
}

async fn each(
    client: &Client,
    rows: &[i64],
    verb: &str,
    body: &Value,
    output: Output,
) -> anyhow::Result<Exit> {
    for id in rows {
        client.post::<()>(&format!("/admin/outbox/{id}/{verb}"), body).await?;
        let state = if verb == "skip" { "given up" } else { "due at once" };
        output.line(&json!({ "id": id, "state": state }), || format!("{id}: {state}"))?;
    }
    Ok(Exit::Done)
}
