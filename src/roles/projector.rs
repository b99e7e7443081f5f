//! The projector.

use std::sync::Arc;

use esteira_bus::Worker;
use esteira_projector::{GROUP, TOPICS};

use crate::platform::Platform;

/// The most events of one micro-batch.
const BATCH: usize = 1_024;

pub fn start(platform: &mut Platform) -> anyhow::Result<()> {
    let topics = platform.topics().names(&TOPICS);
    let stage = platform.health.stage("projector");
    let worker = Worker {
        log: Arc::clone(platform.engines.log()?),
        group: platform.group(GROUP),
        topics,
        handler: platform.projector()?,
        stage: stage.clone(),
        batch: BATCH,
    };
    let stop = platform.stop_token();
    platform.run(stage, move || worker.clone().run(stop.clone()));
    Ok(())
}
