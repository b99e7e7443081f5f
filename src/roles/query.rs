//! The query API.

use std::sync::Arc;

use esteira_projector::GROUP;
use esteira_query_api::{API, LiveOrders, QueryState, router};

use super::Role;
use crate::platform::Platform;

pub fn start(platform: &mut Platform) -> anyhow::Result<()> {
    let views = Arc::clone(platform.engines.views()?);
    let state = QueryState {
        views,
        wait: platform.settings.consistency_wait,
        projected: platform.projected(),
        store: platform.engines.store().ok().cloned(),
        topics: platform.topics(),
        live: live(platform).map(Arc::new),
    };
    platform.serve(Role::Query, router(state), API);
    Ok(())
}

fn live(platform: &Platform) -> Option<LiveOrders> {
    let (log, views) = (platform.engines.log().ok()?, platform.engines.views().ok()?);
    let (topics, group) = (platform.topics(), platform.group(GROUP));
    let live = LiveOrders::new(Arc::clone(log), Arc::clone(views), topics, group, platform.projected());
    Some(live.until(platform.stop_token()))
}
