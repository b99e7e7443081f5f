//! `esteira trace`: an order's whole journey.

use esteira_config::Settings;
use esteira_query_api::{Journey, Step, StepState, Waiting};

use super::print::{Output, print_json, say};
use crate::admin::Client;
use crate::exit::Exit;

pub async fn trace(settings: &Settings, order: i64, output: Output) -> anyhow::Result<Exit> {
    let client = Client::open(settings).await?;
    let journey: anyhow::Result<Journey> = client.get(&format!("/admin/orders/{order}/journey")).await;
    client.close().await;
    let journey = journey?;
    if output.json {
        return print_json(&journey);
    }
    let Journey { order_id, status, version, events, waiting } = &journey;
    say!("order {order_id}: {} at version {version}", status.as_deref().unwrap_or("no view"))?;
    for step in events {
        say!("{}", line(step))?;
    }
    for Waiting { sequence, state, attempts, error, next_attempt_at } in waiting {
        let sequence = sequence.map_or_else(|| "-".to_owned(), |sequence| format!("#{sequence}"));
        let next = next_attempt_at.as_deref().map_or_else(String::new, |at| format!(", next at {at}"));
        say!("  parked {sequence}: {state}, {attempts} attempts{next} {}", error.as_deref().unwrap_or(""))?;
    }
    Ok(Exit::Done)
}

fn line(step: &Step) -> String {
    let sequence = step.sequence.map_or_else(|| "-".to_owned(), |sequence| format!("#{sequence}"));
    let place = match (step.partition, step.offset) {
        (Some(partition), Some(offset)) => format!("{}/{partition}/{offset}", step.topic),
        _ => step.topic.clone(),
    };
    let state = match step.state {
        StepState::Stored if step.refused > 0 => "stored, refused by the log",
        StepState::Stored => "stored",
        StepState::Published => "published",
        StepState::Applied => "applied",
    };
    format!(
        "  {}  {:<11} {sequence:>4}  {:<16} {state:<10} {place}",
        step.occurred_at, step.aggregate, step.event_type
    )
}
