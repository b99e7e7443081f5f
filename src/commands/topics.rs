//! `esteira topics`: creates what is missing and lists all.

use std::process::ExitCode;

use esteira_config::Settings;

use crate::platform::{Engines, Needs, create_topics};

pub async fn topics(settings: &Settings) -> anyhow::Result<ExitCode> {
    let engines = Engines::open(settings, Needs { log: true, ..Needs::default() }).await?;
    for (name, created) in create_topics(settings, engines.log()?.as_ref()).await? {
        println!("{name}\t{}", if created { "created" } else { "present" });
    }
    engines.close().await;
    Ok(ExitCode::SUCCESS)
}
