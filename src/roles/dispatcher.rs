//! The dispatcher.

use std::sync::Arc;

use esteira_dispatcher::{Dispatcher, DispatcherSettings};

use crate::platform::{MESSAGE_TIMEOUT, Platform};

/// Rows that one claim takes.
const PAGE: u32 = 1_000;

pub fn start(platform: &mut Platform) -> anyhow::Result<()> {
    let settings = DispatcherSettings {
        owner: platform.instance.clone(),
        lease_ttl: platform.settings.lease_ttl,
        // The embedded store is for one process.
        alone: platform.settings.mysql_dsn.is_none(),
        send_margin: MESSAGE_TIMEOUT,
        poll_interval: platform.settings.outbox_poll_interval,
        page: PAGE,
    };
    let stage = platform.health.stage("dispatcher");
    let dispatcher = Dispatcher {
        db: platform.engines.store()?.clone(),
        log: Arc::clone(platform.engines.log()?),
        topics: platform.topics(),
        settings,
        committed: Arc::clone(&platform.committed),
        stage: stage.clone(),
    };
    let stop = platform.stop_token();
    platform.run(stage, move || dispatcher.clone().run(stop.clone()));
    Ok(())
}
