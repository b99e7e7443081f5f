//! `esteira doctor`: every engine, a line a check.

use std::time::Duration;

use esteira_config::Settings;

use super::print::{Output, print_json, to, verdict};
use crate::admin::Client;
use crate::exit::{Exit, errors};
use crate::platform::{Check, Engines, Needs, held_elsewhere};

pub async fn doctor(settings: &Settings, output: Output) -> anyhow::Result<Exit> {
    let checks = if held_elsewhere(settings)? {
        ask_the_running_one(settings).await?
    } else {
        examine(settings).await
    };
    if output.json {
        print_json(&checks)?;
    } else {
        for Check { name, ok, detail } in &checks {
            let word = verdict(*ok, if *ok { "ok  " } else { "FAIL" });
            to(anstream::stdout(), format_args!("{word}  {name:<28} {detail}\n"))?;
        }
    }
    Ok(Exit::found_if(!checks.iter().all(|check| check.ok)))
}

/// The embedded engines belong to the process that has them open.
async fn ask_the_running_one(settings: &Settings) -> anyhow::Result<Vec<Check>> {
    Client::open(settings).await?.get("/admin/doctor").await
}

/// Opens each engine by itself, so that one that is away does not hide the others.
async fn examine(settings: &Settings) -> Vec<Check> {
    let needs = Needs { patience: Duration::ZERO, ..Needs::default() };
    let mut checks = Vec::new();
    match Engines::open(settings, Needs { store: true, ..needs }).await {
        Ok(engines) => checks.extend(engines.examine(settings).await),
        Err(error) => checks.push(Check::failed("write store", errors(error.as_ref()))),
    }
    match Engines::open(settings, Needs { log: true, ..needs }).await {
        Ok(engines) => checks.extend(engines.examine(settings).await),
        Err(error) => checks.push(Check::failed("event log", errors(error.as_ref()))),
    }
    match Engines::open(settings, Needs { views: true, ..needs }).await {
        Ok(engines) => checks.extend(engines.examine(settings).await),
        Err(error) => checks.push(Check::failed("views", errors(error.as_ref()))),
    }
    checks
}
