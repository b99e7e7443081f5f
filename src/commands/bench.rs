//! `esteira bench`: the platform measured beside its engines.

use std::sync::Arc;

use esteira_bench::{MySql, Options, Report, Site};
use esteira_config::Settings;

use super::print::{Output, print_json, say, text};
use crate::exit::Exit;
use crate::platform::{kafka_config, mysql_options};

/// Something is found where a load has left anything wrong; a target that is missed is only told, unless by far and `--gate` asks.
pub async fn bench(settings: &Settings, options: Options, output: Output) -> anyhow::Result<Exit> {
    let before = options.compare.as_deref().map(Report::read).transpose()?;
    let (save, gate) = (options.save.clone(), options.gate);
    let report = esteira_bench::bench(options, site(settings)?, program()).await?;
    if let Some(path) = &save {
        report.write(path)?;
    }
    let behind = if gate { report.behind_the_gate() } else { Vec::new() };
    if output.json {
        print_json(&report)?;
    } else {
        text(&report.table(before.as_ref()))?;
        for difference in &report.differences {
            say!("WRONG: {difference}")?;
        }
        for figure in &behind {
            say!("TOO FAR OFF: {figure}")?;
        }
    }
    Ok(Exit::found_if(!report.differences.is_empty() || !behind.is_empty()))
}

fn site(settings: &Settings) -> anyhow::Result<Site> {
    let mysql = settings.mysql_dsn.clone().map(|dsn| MySql {
        options: mysql_options(&dsn, settings),
        dsn: Arc::new(move |database: &str| dsn.reveal_for(database)),
    });
    let kafka = settings.kafka_brokers.as_ref().map(|brokers| kafka_config(settings, &brokers.to_string()));
    Ok(Site {
        mysql,
        kafka: kafka.transpose()?,
        mongo: settings.mongo_uri.as_ref().map(|uri| uri.reveal().to_owned()),
        command_token: settings.command_token.as_ref().map(|tokens| tokens.first().reveal().to_owned()),
        data_dir: settings.data_dir.clone(),
    })
}

fn program() -> String {
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    format!("esteira {}, {build} build", env!("CARGO_PKG_VERSION"))
}
