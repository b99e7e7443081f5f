//! The routes: they translate, delegate, and translate back.

use axum::Json;
use axum::extract::State;
use esteira_aggregate::Submitter;
use esteira_command_api::{CommandRequest, read, submit};
use esteira_sql::Db;
use esteira_web::{CommandProblems, Fields, JsonBody, PathId, Problem, ReadProblems};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes as paths;

use crate::domain::Rejected;
use crate::service::{Command, Loyalty};
use crate::store;
use crate::view::{Statement, project};

/// What the routes need.
#[derive(Clone)]
pub struct LoyaltyApi {
    pub commands: Submitter<Loyalty>,
    pub db: Db,
}

/// Every route of the service.
pub fn routes(api: LoyaltyApi) -> OpenApiRouter {
    OpenApiRouter::new().routes(paths!(redeem)).routes(paths!(statement)).with_state(api)
}

/// How many points to redeem.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RedeemBody {
    #[schema(minimum = 1, example = 30)]
    points: i64,
}

/// What is left.
#[derive(Debug, Serialize, ToSchema)]
pub struct BalanceBody {
    #[schema(example = 70)]
    points: i64,
}

/// Redeem points of a user
#[utoipa::path(post, path = "/loyalty/{id}/redeem", tag = "loyalty", params(PathId, CommandRequest), request_body = RedeemBody,
    responses((status = 200, body = BalanceBody), CommandProblems))]
async fn redeem(
    State(api): State<LoyaltyApi>,
    PathId(user_id): PathId,
    request: CommandRequest,
    body: JsonBody<RedeemBody>,
) -> Result<Json<BalanceBody>, Problem> {
    let RedeemBody { points } = body.value;
    let mut fields = Fields::new();
    if points < 1 {
        fields.refuse("points", points, "must be at least 1");
    }
    fields.finish()?;
    let command = Command::Redeem { user_id, points };
    let balance = submit(&api.commands, request, command, body.hash, rejected).await?;
    Ok(Json(BalanceBody { points: balance.points }))
}

/// A user's points, and what became of them
#[utoipa::path(get, path = "/loyalty/{id}", tag = "loyalty", params(PathId),
    responses((status = 200, body = Statement), ReadProblems))]
async fn statement(
    State(api): State<LoyaltyApi>,
    PathId(user_id): PathId,
) -> Result<Json<Statement>, Problem> {
    let events = read(&api.db, async |conn| store::events(conn, user_id).await).await?;
    if events.is_empty() {
        return Err(rejected(Rejected::NoAccount { user_id }));
    }
    Ok(Json(events.iter().fold(Statement::default(), project)))
}

/// The problem that a refused command is.
fn rejected(rejection: Rejected) -> Problem {
    match rejection {
        Rejected::NoAccount { user_id } => {
            Problem::not_found("account_not_found", format!("user {user_id} has no account"))
        }
        Rejected::TooFewPoints { left } => {
            Problem::conflict("too_few_points", format!("there are only {left} points left"))
        }
    }
}
