//! The query API.

use std::sync::Arc;

use esteira_query_api::{API, QueryState, router};

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
    };
    platform.serve(Role::Query, router(state), API);
    Ok(())
}
