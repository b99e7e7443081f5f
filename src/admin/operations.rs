//! Rebuild, verify and an order's journey over HTTP.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use esteira_console::failure::{of_journey, of_outage};
use esteira_events::AggregateKind;
use esteira_projector::{Rebuilt, Verified};
use esteira_query_api::{Journey, journey};
use esteira_web::{JsonBody, PathId, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes as paths;

use super::Admin;
use super::stream::{Line, lines};
use crate::platform::Places;

pub fn routes() -> OpenApiRouter<Admin> {
    OpenApiRouter::new().routes(paths!(rebuild)).routes(paths!(verify)).routes(paths!(trace))
}

/// A view that can be rebuilt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum ViewName {
    Users,
    Products,
    Orders,
}

impl ViewName {
    fn kind(self) -> AggregateKind {
        match self {
            Self::Users => AggregateKind::User,
            Self::Products => AggregateKind::Product,
            Self::Orders => AggregateKind::Order,
        }
    }
}

/// Which views to rebuild; none stands for all.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RebuildWish {
    pub views: Vec<ViewName>,
}

/// How to verify.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct VerifyWish {
    /// Whether views that differ are replaced.
    pub repair: bool,
}

/// What a comparison has found, and in which engines.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct VerifiedAt {
    #[serde(flatten)]
    pub verified: Verified,
    pub engines: Places,
}

/// Replaces every document that is not what its history gives; the answer is a JSON line a page.
#[utoipa::path(
    post,
    path = "/admin/rebuild",
    tag = "views",
    request_body = RebuildWish,
    responses((status = 200, body = Rebuilt, content_type = "application/x-ndjson"))
)]
async fn rebuild(
    State(admin): State<Admin>,
    JsonBody { value: wish, .. }: JsonBody<RebuildWish>,
) -> Response {
    let all = AggregateKind::ALL.to_vec();
    let kinds =
        if wish.views.is_empty() { all } else { wish.views.into_iter().map(ViewName::kind).collect() };
    lines(|told| async move {
        // The work ends with its reader.
        let each = move |rebuilt: &Rebuilt| drop(told.send(Line::Progress(rebuilt.clone())));
        admin.projector.rebuild(&admin.letters.db, &kinds, each).await.map_err(of_outage)
    })
}

/// Compares outbox, tables, views and log; the answer is a JSON line a page.
#[utoipa::path(
    post,
    path = "/admin/verify",
    tag = "views",
    request_body = VerifyWish,
    responses((status = 200, body = VerifiedAt, content_type = "application/x-ndjson"))
)]
async fn verify(State(admin): State<Admin>, JsonBody { value: wish, .. }: JsonBody<VerifyWish>) -> Response {
    let engines = Places::named(&admin.settings);
    lines(|told| async move {
        let at = |verified| VerifiedAt { verified, engines: engines.clone() };
        let each = |verified: &Verified| drop(told.send(Line::Progress(at(verified.clone()))));
        admin.projector.verify(&admin.letters.db, wish.repair, each).await.map(at).map_err(of_outage)
    })
}

/// An order's journey.
#[utoipa::path(
    get,
    path = "/admin/orders/{id}/journey",
    tag = "views",
    params(("id" = i64, Path)),
    responses((status = 200, body = Journey), (status = 404, body = Problem))
)]
async fn trace(State(admin): State<Admin>, PathId(id): PathId) -> Result<Json<Journey>, Problem> {
    let views = admin.engines.views().map_err(|error| Problem::internal(error.as_ref()))?;
    let found =
        journey(&admin.letters.db, views.as_ref(), &admin.letters.topics, id).await.map_err(of_journey)?;
    found.map(Json).ok_or_else(|| Problem::not_found("order_not_found", format!("order {id} not found")))
}
