//! `esteira verify`: whether outbox, tables, views and log say the same.

use esteira_config::Settings;
use esteira_projector::{Difference, Verified, Where};

use super::print::{Output, Unwritable, print_json, say};
use super::progress::Bar;
use crate::admin::{Client, VerifiedAt, VerifyWish};
use crate::exit::Exit;
use crate::platform::Places;

pub async fn verify(settings: &Settings, repair: bool, output: Output) -> anyhow::Result<Exit> {
    let client = Client::open(settings).await?;
    let bar = Bar::new("events");
    let told = |VerifiedAt { verified, .. }: VerifiedAt| bar.at(verified.read, verified.total);
    let verified: anyhow::Result<VerifiedAt> =
        client.follow("/admin/verify", &VerifyWish { repair }, told).await;
    bar.end();
    client.close().await;
    let verified = verified?;
    if output.json {
        print_json(&verified)?;
    } else {
        print(&verified)?;
    }
    Ok(Exit::found_if(!verified.verified.differences.is_empty()))
}

fn print(VerifiedAt { verified, engines }: &VerifiedAt) -> Result<(), Unwritable> {
    let Places { store, log, views } = engines;
    say!("{store}, {log}, {views}")?;
    for Difference { of, at, found, expected } in &verified.differences {
        say!("{of}, {}\n  found     {found}\n  expected  {expected}", name(*at))?;
    }
    let Verified { read, aggregates, repaired, differences, .. } = verified;
    say!(
        "{aggregates} aggregates, {read} events and records: {repaired} repaired, {} differences",
        differences.len()
    )
}

fn name(at: Where) -> &'static str {
    match at {
        Where::Outbox => "outbox",
        Where::Table => "table",
        Where::View => "view",
        Where::Log => "log",
    }
}
