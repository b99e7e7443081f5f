//! `esteira topics`: creates what is missing and lists all.

use esteira_config::Settings;
use serde_json::{Value, json};

use super::print::{Output, print_json, say};
use crate::exit::Exit;
use crate::platform::{Engines, Needs, create_topics};

pub async fn topics(settings: &Settings, output: Output) -> anyhow::Result<Exit> {
    let engines = Engines::open(settings, Needs { log: true, ..Needs::default() }).await?;
    let topics = create_topics(settings, engines.log()?.as_ref()).await?;
    engines.close().await;
    if output.json {
        let topic = |(name, created)| json!({ "topic": name, "created": created });
        return print_json(&topics.into_iter().map(topic).collect::<Vec<Value>>());
    }
    for (name, created) in topics {
        say!("{name}\t{}", if created { "created" } else { "present" })?;
    }
    Ok(Exit::Done)
}
