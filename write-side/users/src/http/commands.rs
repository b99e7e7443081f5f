//! Commands over HTTP.

use axum::extract::State;
use axum::http::StatusCode;
use esteira_aggregate::Snapshot;
use esteira_command_api::{CommandRequest, reply, submit, token};
use esteira_events::UserId;
use esteira_web::{
    CommandProblems, Envelope, Fields, IdempotencyKey, JsonBody, Message, PathId, Problem, Reply,
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::UsersApi;
use super::user::{UserBody, rejected};
use crate::domain::{CreateUser, DeleteUser, UpdateUser, User};
use crate::service::UserCommand;

/// A new user.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CreateUserBody {
    #[schema(
        min_length = 1,
        max_length = 255,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*[^\\s\\u0000-\\u001f\\u007f-\\u009f][^\\u0000-\\u001f\\u007f-\\u009f]*$",
        example = "Ana Souza"
    )]
    name: String,
    /// Unique, without regard to case and accents.
    #[schema(max_length = 191, format = Email, example = "ana@example.com")]
    email: String,
}

/// New values; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
pub struct UpdateUserBody {
    #[schema(
        min_length = 1,
        max_length = 255,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*[^\\s\\u0000-\\u001f\\u007f-\\u009f][^\\u0000-\\u001f\\u007f-\\u009f]*$",
        example = "Ana S. Souza"
    )]
    name: Option<String>,
    #[schema(max_length = 191, format = Email, example = "ana.souza@example.com")]
    email: Option<String>,
}

impl UsersApi {
    async fn submit(
        &self,
        request: CommandRequest,
        command: UserCommand,
        body_hash: [u8; 32],
    ) -> Result<Snapshot<User>, Problem> {
        submit(&self.commands, request, command, body_hash, rejected).await
    }
}

/// Create a user
#[utoipa::path(post, path = "/users", tag = "users", params(IdempotencyKey), request_body = CreateUserBody,
    responses((status = 201, body = Envelope<UserBody>), CommandProblems))]
pub async fn create(
    State(api): State<UsersApi>,
    request: CommandRequest,
    body: JsonBody<CreateUserBody>,
) -> Result<Reply<Envelope<UserBody>>, Problem> {
    let mut fields = Fields::new();
    let name = fields.name("name", &body.value.name).to_owned();
    let email = fields.email("email", &body.value.email).to_owned();
    fields.finish()?;
    let command = UserCommand::Create(CreateUser { name, email });
    let snapshot = api.submit(request, command, body.hash).await?;
    let path = format!("/users/{}", snapshot.id);
    Ok(reply(StatusCode::CREATED, snapshot, "user created")?.location(&path))
}

/// Change a user
#[utoipa::path(put, path = "/users/{id}", tag = "users", params(PathId, CommandRequest), request_body = UpdateUserBody,
    responses((status = 200, body = Envelope<UserBody>), CommandProblems))]
pub async fn update(
    State(api): State<UsersApi>,
    PathId(id): PathId,
    request: CommandRequest,
    body: JsonBody<UpdateUserBody>,
) -> Result<Reply<Envelope<UserBody>>, Problem> {
    let mut fields = Fields::new();
    let name = body.value.name.as_deref().map(|name| fields.name("name", name).to_owned());
    let email = body.value.email.as_deref().map(|email| fields.email("email", email).to_owned());
    fields.finish()?;
    let command = UserCommand::Update(UpdateUser { id: UserId(id), name, email });
    reply(StatusCode::OK, api.submit(request, command, body.hash).await?, "user updated")
}

/// Delete a user
///
/// Refused with 409 while any order refers to the user.
#[utoipa::path(delete, path = "/users/{id}", tag = "users", params(PathId, CommandRequest),
    responses((status = 200, body = Message), CommandProblems))]
pub async fn delete(
    State(api): State<UsersApi>,
    PathId(id): PathId,
    request: CommandRequest,
) -> Result<Reply<Message>, Problem> {
    let command = UserCommand::Delete(DeleteUser { id: UserId(id) });
    let snapshot = api.submit(request, command, [0; 32]).await?;
    Ok(Reply::ok(Message::new("user deleted")).token(&token(&snapshot)))
}
