//! `esteira verify`: whether outbox, tables, views and log say the same.

use esteira_config::Settings;
use esteira_projector::{Difference, Verified, Where};

use super::print::{Output, print_json};
use super::progress::Bar;
use crate::admin::{Client, VerifyWish};
use crate::exit::Exit;

pub async fn verify(settings: &Settings, repair: bool, output: Output) -> anyhow::Result<Exit> {
    let client = Client::open(settings).await?;
    let bar = Bar::new("events");
    let told = |verified: Verified| bar.at(verified.read, verified.total);
    let verified: anyhow::Result<Verified> =
        client.follow("/admin/verify", &VerifyWish { repair }, told).await;
    bar.end();
    client.close().await;
    let verified = verified?;
    if output.json {
        print_json(&verified)?;
    } else {
        print(&verified);
    }
    Ok(Exit::found_if(!verified.differences.is_empty()))
}

fn print(verified: &Verified) {
    for Difference { of, at, found, expected } in &verified.differences {
        println!("{of}, {}\n  found     {found}\n  expected  {expected}", name(*at));
    }
    let Verified { read, aggregates, repaired, differences, .. } = verified;
    println!(
        "{aggregates} aggregates, {read} events and records: {repaired} repaired, {} differences",
        differences.len()
    );
}

fn name(at: Where) -> &'static str {
    match at {
        Where::Outbox => "outbox",
        Where::Table => "table",
        Where::View => "view",
        Where::Log => "log",
    }
}
