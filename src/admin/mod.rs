//! The operator's API: what the tools of the command line ask of a running platform.
//!
//! The embedded engines belong to the process that has their files open, so a tool asks it over HTTP; where none runs,
//! or on servers, the same routes answer within the tool.

mod client;
mod dead_letters;
mod erasures;
mod operations;
mod outbox;
mod stream;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::middleware::{from_extractor, from_fn_with_state};
use esteira_bus::dlq::RetryStore;
use esteira_config::Settings;
use esteira_console::Guard;
use esteira_dead_letters::DeadLetters;
use esteira_erasure::Erasure;
use esteira_events::Topics;
use esteira_orders::Orders;
use esteira_products::Products;
use esteira_projector::{GROUP, Projector};
use esteira_reactions::{React, ReactionStore};
use esteira_telemetry::Health;
use esteira_web::{NoQuery, TOO_MANY_WRONG_TOKENS, with_problems};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::platform::{Check, Engines, groups};

pub use client::{Client, Refusal};
pub use dead_letters::RedriveWish;
pub use erasures::ErasureWish;
pub use operations::{RebuildWish, VerifiedAt, VerifyWish, ViewName};
pub use outbox::StuckRow;
pub use stream::Line;

/// The problems of every route, for its document.
const OF_ANY: [(&str, &str); 6] = [
    ("400", "An id or a parameter, or a body, that is not as it must be"),
    ("401", "`ESTEIRA_ADMIN_TOKEN` is set, and no token or a wrong one was sent"),
    (
        "403",
        "`ESTEIRA_ADMIN_TOKEN` is not set, and the request is not of this machine or is of a foreign page",
    ),
    ("429", TOO_MANY_WRONG_TOKENS),
    ("500", "A fault of the platform"),
    ("503", "An engine is away or the request took too long; try again after `Retry-After`"),
];
/// Of the routes that read one.
const OF_A_BODY: [(&str, &str); 2] =
    [("413", "The body is too large"), ("415", "The body is not `application/json`")];

/// What the routes work on.
#[derive(Clone)]
pub struct Admin {
    engines: Engines,
    settings: Settings,
    /// The stages of this process; none in a tool.
    health: Health,
    pub letters: DeadLetters,
    pub projector: Arc<Projector>,
    erasure: Erasure,
}

impl Admin {
    pub fn new(settings: &Settings, engines: &Engines, health: Health) -> anyhow::Result<Self> {
        let (db, log, views) = (engines.store()?, engines.log()?, engines.views()?);
        let topics = Topics::with_prefix(settings.topic_prefix.clone());
        let group = |name: &str| format!("{}{name}", settings.group_prefix);
        let projector = Arc::new(Projector::new(
            Arc::clone(views),
            Arc::clone(log),
            Some(db.clone()),
            topics.clone(),
            group(GROUP),
        ));
        let products = ReactionStore::<Products>::new(db.clone(), topics.clone(), group(Products::GROUP));
        let orders = ReactionStore::<Orders>::new(db.clone(), topics.clone(), group(Orders::GROUP));
        let stores: Vec<Arc<dyn RetryStore>> =
            vec![Arc::clone(&projector) as Arc<dyn RetryStore>, Arc::new(products), Arc::new(orders)];
        let erasure = Erasure {
            db: db.clone(),
            log: Arc::clone(log),
            views: Arc::clone(views),
            topics: topics.clone(),
            groups: groups(settings),
        };
        let letters = DeadLetters { log: Arc::clone(log), topics, db: db.clone(), stores };
        Ok(Self { engines: engines.clone(), settings: settings.clone(), health, letters, projector, erasure })
    }

    /// The routes, under `/admin`, for whoever may use them.
    pub fn router(self, guard: Guard) -> OpenApiRouter {
        let api = self.routes().layer(from_fn_with_state(guard, esteira_console::check));
        let api = with_problems(api, &OF_ANY, |_| true);
        with_problems(api, &OF_A_BODY, |operation| operation.request_body.is_some())
    }

    fn routes(self) -> OpenApiRouter {
        OpenApiRouter::new()
            .routes(routes!(doctor))
            .merge(dead_letters::routes())
            .merge(outbox::routes())
            .merge(operations::routes())
            .merge(erasures::routes())
            .route_layer(from_extractor::<NoQuery>())
            .merge(dead_letters::lists())
            .with_state(self)
    }
}

/// Every engine and every stage of this process, a line a check.
#[utoipa::path(get, path = "/admin/doctor", tag = "engines", responses((status = 200, body = Vec<Check>)))]
async fn doctor(State(admin): State<Admin>) -> Json<Vec<Check>> {
    let mut checks = admin.engines.examine(&admin.settings).await;
    checks.extend(admin.health.snapshot().into_iter().map(Check::of_stage));
    Json(checks)
}
