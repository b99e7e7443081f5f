//! `/healthz` as Go had it, `/livez` and `/readyz`; `/metrics`.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::routing::get;
use chrono::{DateTime, SubsecRound, Utc};
use esteira_telemetry::metrics::STAGE_READY;
use esteira_telemetry::{Health, StageReport};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The health routes over this process's stages, and its metrics.
pub fn health_routes(health: Health) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(healthz))
        .routes(routes!(livez))
        .routes(routes!(readyz))
        .route("/metrics", get(metrics))
        .with_state(health)
}

/// Prometheus' text format.
async fn metrics(State(health): State<Health>) -> ([(HeaderName, &'static str); 1], String) {
    for stage in health.snapshot() {
        STAGE_READY.count([&stage.name], u64::from(stage.state == esteira_telemetry::State::Ready));
    }
    let text = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (text, esteira_telemetry::metrics::render())
}

#[derive(Serialize, ToSchema)]
struct Alive {
    #[schema(example = "ok")]
    status: &'static str,
    timestamp: DateTime<Utc>,
}

impl Alive {
    /// Go answered whole seconds.
    fn now() -> Json<Self> {
        Json(Self { status: "ok", timestamp: Utc::now().trunc_subsecs(0) })
    }
}

#[derive(Serialize, ToSchema)]
struct Readiness {
    /// `ready`, or `not_ready` if any stage is not.
    #[schema(example = "ready")]
    status: &'static str,
    stages: Vec<StageReport>,
}

/// Whether the process answers, as the Go services said it.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, body = Alive)))]
async fn healthz() -> Json<Alive> {
    Alive::now()
}

/// Whether the process answers.
#[utoipa::path(get, path = "/livez", tag = "health", responses((status = 200, body = Alive)))]
async fn livez() -> Json<Alive> {
    Alive::now()
}

/// Whether every stage does its work.
#[utoipa::path(get, path = "/readyz", tag = "health", responses(
    (status = 200, description = "Every stage is ready", body = Readiness),
    (status = 503, description = "A stage is starting, paused or failed", body = Readiness),
))]
async fn readyz(State(health): State<Health>) -> (StatusCode, Json<Readiness>) {
    let stages = health.snapshot();
    let ready = stages.iter().all(|stage| stage.state == esteira_telemetry::State::Ready);
    let (code, status) =
        if ready { (StatusCode::OK, "ready") } else { (StatusCode::SERVICE_UNAVAILABLE, "not_ready") };
    (code, Json(Readiness { status, stages }))
}
