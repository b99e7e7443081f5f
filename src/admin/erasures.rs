//! Erasing people over HTTP.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use esteira_aggregate::{CommandError, Executor, ExecutorSettings, Input, Submitter};
use esteira_command_api::refused;
use esteira_console::failure::of_erasure;
use esteira_erasure::{Entry, Erased, Row, RowError, UserRows, Wish};
use esteira_events::UserId;
use esteira_sql::Db;
use esteira_telemetry::Health;
use esteira_users::domain::{EraseUser, UserRejected};
use esteira_users::{UserCommand, Users, rehearse, rejected};
use esteira_web::{JsonBody, Problem};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes as paths;

use super::Admin;
use super::stream::{Line, lines};

/// One command at a time: erasing people is not what the platform is there for.
const EXECUTOR: ExecutorSettings = ExecutorSettings { batch_max: 1, queue: 16, workers: 1 };

pub fn routes() -> OpenApiRouter<Admin> {
    OpenApiRouter::new().routes(paths!(list, erase))
}

/// Whom to erase.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ErasureWish {
    /// Their ids.
    pub users: Vec<i64>,
    /// Kept with the id; must not name anybody.
    pub reason: String,
    /// Everybody who was ever erased, too: a restored backup has brought them back.
    pub again: bool,
    /// Change nothing, and count.
    pub dry_run: bool,
}

/// Every erasure that was asked for.
#[utoipa::path(get, path = "/admin/erasures", tag = "erasures", responses((status = 200, body = Vec<Entry>)))]
async fn list(State(admin): State<Admin>) -> Result<Json<Vec<Entry>>, Problem> {
    admin.erasure.list().await.map(Json).map_err(of_erasure)
}

/// Erases name and email of users from tables, log and views; the answer is a JSON line a step.
#[utoipa::path(
    post,
    path = "/admin/erasures",
    tag = "erasures",
    request_body = ErasureWish,
    responses((status = 200, body = Erased, content_type = "application/x-ndjson"), (status = 400, body = Problem))
)]
async fn erase(
    State(admin): State<Admin>,
    JsonBody { value: wish, .. }: JsonBody<ErasureWish>,
) -> Result<Response, Problem> {
    if wish.users.is_empty() && !wish.again {
        return Err(Problem::invalid_field("users", "[]", "must name a user, or again must be true"));
    }
    Ok(lines(|told| async move {
        let ErasureWish { users, reason, again, dry_run } = wish;
        let stage = Health::new().stage("erasure");
        let db = admin.letters.db.clone();
        let executor = Executor::start(Arc::new(Users), db, EXECUTOR, Arc::new(Notify::new()), stage);
        let rows = Rows { commands: executor.submitter(), db: admin.letters.db.clone() };
        // The work ends with its reader.
        let each = move |erased: &Erased| drop(told.send(Line::Progress(erased.clone())));
        let erased = admin.erasure.run(&Wish { users, reason, again, dry_run }, &rows, each).await;
        drop(rows);
        executor.close().await;
        erased.map_err(of_erasure)
    }))
}

/// The rows, as the users service erases them.
struct Rows {
    commands: Submitter<Users>,
    db: Db,
}

#[async_trait]
impl UserRows for Rows {
    async fn erase(&self, user: i64, dry: bool) -> Result<Row, RowError> {
        let command = EraseUser { id: UserId(user) };
        let reason = |error| refused(error, rejected).detail.clone();
        let answer = if dry {
            let decided = rehearse(&self.db, command).await;
            decided
                .map_err(|error| RowError::Unavailable(format!("the write store: {error}")))?
                .map_err(CommandError::Rejected)
        } else {
            self.commands.submit(Input::plain(UserCommand::Erase(command))).await.map(drop)
        };
        match answer {
            Ok(()) => Ok(Row::Erased),
            Err(CommandError::Rejected(UserRejected::NotFound { .. })) => Ok(Row::Absent),
            Err(error @ CommandError::Rejected(_)) => Err(RowError::Refused(reason(error))),
            Err(error) => Err(RowError::Unavailable(reason(error))),
        }
    }
}
