//! The query API.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::routing::get;
use esteira_config::Settings;
use esteira_query_api::{API, QueryState, router};

use super::Role;
use crate::platform::{Check, Engines, Platform};

pub fn start(platform: &mut Platform) -> anyhow::Result<()> {
    let views = Arc::clone(platform.engines.views()?);
    let state =
        QueryState { views, wait: platform.settings.consistency_wait, projected: platform.projected() };
    let doctor = axum::Router::new()
        .route("/doctor", get(examine))
        .with_state((platform.engines.clone(), platform.settings.clone()));
    platform.serve(Role::Query, router(state).merge(doctor.into()), API);
    Ok(())
}

/// What `esteira doctor` asks where the engines are files that this process has open.
async fn examine(State((engines, settings)): State<(Engines, Settings)>) -> Json<Vec<Check>> {
    Json(engines.examine(&settings).await)
}
