//! Running roles until a signal.

use std::process::ExitCode;

use anyhow::Context;
use esteira_config::Settings;
use tokio::signal::unix::{SignalKind, signal};

use crate::platform::{Engines, Listeners, Needs, Platform, banner, create_topics, migrate};
use crate::roles::{self, Role};

pub async fn run(settings: Settings, roles: &[Role]) -> anyhow::Result<ExitCode> {
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
    platform.listen(listeners);
    platform.started().await;
    banner::print(&platform, roles);
    wait_for_signal().await?;
    tracing::info!("stopping: answering what is in flight");
    platform.stop().await;
    Ok(ExitCode::SUCCESS)
}

async fn wait_for_signal() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result?,
        _ = terminate.recv() => {}
    }
    Ok(())
}
