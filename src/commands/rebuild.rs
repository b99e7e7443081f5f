//! `esteira rebuild`: views from the outbox.

use std::time::{Duration, Instant};

use esteira_config::Settings;
use esteira_projector::Rebuilt;

use super::print::{Output, Unwritable, print_json, say};
use super::progress::Bar;
use crate::admin::{Client, RebuildWish, ViewName};
use crate::exit::Exit;

pub async fn rebuild(settings: &Settings, views: Vec<ViewName>, output: Output) -> anyhow::Result<Exit> {
    let client = Client::open(settings).await?;
    let (bar, started) = (Bar::new("events"), Instant::now());
    let told = |rebuilt: Rebuilt| bar.at(rebuilt.events, rebuilt.total);
    let rebuilt: anyhow::Result<Rebuilt> =
        client.follow("/admin/rebuild", &RebuildWish { views }, told).await;
    bar.end();
    client.close().await;
    let rebuilt = rebuilt?;
    if output.json {
        print_json(&rebuilt)?;
    } else {
        print(&rebuilt, started.elapsed())?;
    }
    Ok(Exit::found_if(!rebuilt.broken.is_empty()))
}

fn print(rebuilt: &Rebuilt, took: Duration) -> Result<(), Unwritable> {
    let Rebuilt { events, replaced, removed, broken, .. } = rebuilt;
    for reason in broken {
        say!("{reason}")?;
    }
    let seconds = took.as_secs_f64();
    say!(
        "{events} events in {seconds:.1} s: {replaced} documents replaced, {removed} removed, {} left as they are",
        broken.len()
    )
}
