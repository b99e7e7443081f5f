//! Running roles until a signal.

use anyhow::Context;
use esteira_config::Settings;
use esteira_telemetry::ExportSettings;
use tokio::signal::unix::{Signal, SignalKind, signal};
use uuid::Uuid;

use super::print::Output;
use crate::exit::{Exit, errors};
use crate::platform::{Engines, Listeners, Needs, Platform, banner, create_topics, migrate};
use crate::roles::{self, Role};

pub async fn run(settings: Settings, roles: &[Role], output: Output) -> anyhow::Result<Exit> {
    let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
    tracing::info!(env = %settings.env, roles = names.join(","), "starting");
    let signals = Signals::install()?;
    esteira_telemetry::metrics::install()?;
    if let Some(tracing) = tracing_of(&settings, roles) {
        esteira_telemetry::install_tracing(tracing)?;
    }
    let outcome = until_stopped(settings, roles, signals, output).await;
    esteira_telemetry::flush_traces().await;
    outcome
}

async fn until_stopped(
    settings: Settings,
    roles: &[Role],
    mut signals: Signals,
    output: Output,
) -> anyhow::Result<Exit> {
    let platform = tokio::select! {
        platform = start(settings, roles) => platform?,
        () = signals.next() => return Ok(Exit::Done),
    };
    tokio::select! {
        () = platform.started() => {
            if let Err(error) = banner::print(&platform, roles, output.json) {
                tracing::warn!(error = errors(&error), "nobody reads where everything is");
            }
            signals.next().await;
        }
        () = signals.next() => {}
    }
    tracing::info!("stopping: answering what is in flight");
    tokio::select! {
        () = platform.stop() => Ok(Exit::Done),
        () = signals.next() => Ok(Exit::Interrupted),
    }
}

fn tracing_of(settings: &Settings, roles: &[Role]) -> Option<ExportSettings> {
    let service = match roles {
        [role] => role.name(),
        _ => "esteira",
    };
    settings.otlp_endpoint.as_ref().map(|endpoint| ExportSettings {
        url: endpoint.traces(),
        service_name: settings.service_name.clone().unwrap_or_else(|| service.to_owned()),
        service_version: env!("CARGO_PKG_VERSION"),
        instance: Uuid::new_v4().to_string(),
        environment: settings.env.clone(),
        ratio: settings.trace_sample,
    })
}

async fn start(settings: Settings, roles: &[Role]) -> anyhow::Result<Platform> {
    let needs = Needs::of(roles);
    // The cheapest checks first: a port that is taken must not cost a migration.
    let listeners = Listeners::bind(&settings, roles).await?;
    let engines = Engines::open(&settings, needs).await?;
    if needs.store {
        migrate(engines.store()?).await?;
    }
    if needs.log {
        create_topics(&settings, engines.log()?.as_ref()).await?;
    }
    if needs.views {
        engines
            .views()?
            .prepare(esteira_views::ALL_COLLECTIONS)
            .await
            .context("the views cannot be prepared")?;
    }
    let mut platform = Platform::new(settings, engines);
    for role in roles {
        roles::start(*role, &mut platform)?;
    }
    platform.measure(roles);
    platform.listen(listeners);
    Ok(platform)
}

/// Ctrl-C and SIGTERM. Installed before anything starts: the first process of a container has no default handlers.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn install() -> anyhow::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
