//! `esteira rebuild`: views from the outbox.

use std::process::ExitCode;
use std::time::Instant;

use esteira_config::Settings;
use esteira_projector::Rebuilt;

use super::progress::Bar;
use crate::admin::{Client, RebuildWish, ViewName};

pub async fn rebuild(settings: &Settings, views: Vec<ViewName>) -> anyhow::Result<ExitCode> {
    let client = Client::open(settings).await?;
    let (bar, started) = (Bar::new("events"), Instant::now());
    let told = |rebuilt: Rebuilt| bar.at(rebuilt.events, rebuilt.total);
    let rebuilt: anyhow::Result<Rebuilt> =
        client.follow("/admin/rebuild", &RebuildWish { views }, told).await;
    bar.end();
    client.close().await;
    let Rebuilt { events, replaced, removed, broken, .. } = rebuilt?;
    for reason in &broken {
        println!("{reason}");
    }
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{events} events in {seconds:.1} s: {replaced} documents replaced, {removed} removed, {} left as they are",
        broken.len()
    );
    Ok(if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
