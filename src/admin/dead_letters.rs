//! Dead letters over HTTP.

use std::num::NonZeroU32;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use esteira_bus::LetterId;
use esteira_console::LetterFilters;
use esteira_console::failure::of_dead_letters;
use esteira_dead_letters::{Cause, Filters, Letter, Pace, Progress, Redriven, Shown};
use esteira_events::EventType;
use esteira_web::{JsonBody, PathParams, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes as paths;

use super::Admin;
use super::stream::{Line, lines};

pub fn routes() -> OpenApiRouter<Admin> {
    OpenApiRouter::new()
        .routes(paths!(redrive_all))
        .routes(paths!(show))
        .routes(paths!(redrive))
        .routes(paths!(discard))
}

/// The routes with a filter.
pub fn lists() -> OpenApiRouter<Admin> {
    OpenApiRouter::new().routes(paths!(list)).routes(paths!(causes))
}

/// Which letters to redrive, and how.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RedriveWish {
    pub filters: Filters,
    /// The first letter to leave alone, with all that are younger.
    pub until: Option<String>,
    /// Letters a second.
    #[schema(value_type = Option<u32>, minimum = 1)]
    pub per_second: Option<NonZeroU32>,
}

/// Why a letter is given up.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Discarding {
    /// Kept beside the letter.
    #[schema(min_length = 1)]
    pub reason: String,
}

impl Discarding {
    pub fn checked(self) -> Result<String, Problem> {
        if self.reason.trim().is_empty() {
            return Err(Problem::invalid_field("reason", &self.reason, "must say why it is given up"));
        }
        Ok(self.reason)
    }
}

type Place = PathParams<(String, i32, i64)>;

fn id(PathParams((topic, partition, offset)): Place) -> Result<LetterId, Problem> {
    parse(&format!("{topic}/{partition}/{offset}"))
}

fn parse(text: &str) -> Result<LetterId, Problem> {
    text.parse().map_err(|error| Problem::bad_request("not_a_dead_letter", error))
}

/// A topic that we have not has no letters, as one has that is all right: it is mistyped.
fn known(admin: &Admin, filters: &Filters) -> Result<(), Problem> {
    let Some(topic) = &filters.topic else { return Ok(()) };
    let known = EventType::ALL.map(|event| admin.letters.topics.name(event));
    if known.contains(topic) {
        return Ok(());
    }
    Err(Problem::invalid_field(
        "topic",
        topic,
        format!("{topic:?} is no topic; there are {}", known.join(", ")),
    ))
}

/// Dead letters, oldest first.
#[utoipa::path(get, path = "/admin/dead-letters", tag = "dead letters", params(Filters), responses((status = 200, body = Vec<Letter>)))]
async fn list(
    State(admin): State<Admin>,
    LetterFilters(filters): LetterFilters,
) -> Result<Json<Vec<Letter>>, Problem> {
    known(&admin, &filters)?;
    admin.letters.list(&filters).await.map(Json).map_err(of_dead_letters)
}

/// Dead letters by cause, the most frequent first.
#[utoipa::path(get, path = "/admin/dead-letters/causes", tag = "dead letters", params(Filters), responses((status = 200, body = Vec<Cause>)))]
async fn causes(
    State(admin): State<Admin>,
    LetterFilters(filters): LetterFilters,
) -> Result<Json<Vec<Cause>>, Problem> {
    known(&admin, &filters)?;
    let letters = admin.letters.list(&filters).await.map_err(of_dead_letters)?;
    Ok(Json(Cause::group(&letters)))
}

/// One dead letter, and what a redrive would do.
#[utoipa::path(
    get,
    path = "/admin/dead-letters/{topic}/{partition}/{offset}",
    tag = "dead letters",
    params(("topic", description = "The queue"), ("partition" = i32, Path), ("offset" = i64, Path)),
    responses((status = 200, body = Shown), (status = 404, body = Problem))
)]
async fn show(State(admin): State<Admin>, place: Place) -> Result<Json<Shown>, Problem> {
    admin.letters.show(&id(place)?).await.map(Json).map_err(of_dead_letters)
}

/// Hands one dead letter back to its consumer group; one that is not open is left alone.
#[utoipa::path(
    post,
    path = "/admin/dead-letters/{topic}/{partition}/{offset}/redrive",
    tag = "dead letters",
    params(("topic", description = "The queue"), ("partition" = i32, Path), ("offset" = i64, Path)),
    responses((status = 200, body = Redriven), (status = 404, body = Problem), (status = 409, body = Problem))
)]
async fn redrive(State(admin): State<Admin>, place: Place) -> Result<Json<Redriven>, Problem> {
    admin.letters.redrive(&id(place)?).await.map(Json).map_err(of_dead_letters)
}

/// Hands open dead letters back, oldest first; the answer is a JSON line a letter.
#[utoipa::path(
    post,
    path = "/admin/dead-letters/redrive",
    tag = "dead letters",
    request_body = RedriveWish,
    responses((status = 200, body = Progress, content_type = "application/x-ndjson"))
)]
async fn redrive_all(
    State(admin): State<Admin>,
    JsonBody { value: wish, .. }: JsonBody<RedriveWish>,
) -> Result<Response, Problem> {
    let until = wish.until.as_deref().map(parse).transpose()?;
    known(&admin, &wish.filters)?;
    let pace = Pace { filters: wish.filters, until, per_second: wish.per_second };
    Ok(lines(|told| async move {
        let each = move |progress: Progress| {
            // The work ends with its reader.
            let _ = told.send(Line::Progress(progress));
        };
        admin.letters.redrive_all(&pace, each).await.map_err(of_dead_letters)
    }))
}

/// Gives one dead letter up for good; what waits behind it goes on.
#[utoipa::path(
    post,
    path = "/admin/dead-letters/{topic}/{partition}/{offset}/discard",
    tag = "dead letters",
    params(("topic", description = "The queue"), ("partition" = i32, Path), ("offset" = i64, Path)),
    request_body = Discarding,
    responses((status = 200, body = Letter), (status = 404, body = Problem))
)]
async fn discard(
    State(admin): State<Admin>,
    place: Place,
    JsonBody { value: wish, .. }: JsonBody<Discarding>,
) -> Result<Json<Letter>, Problem> {
    let reason = wish.checked()?;
    admin.letters.discard(&id(place)?, &reason).await.map(Json).map_err(of_dead_letters)
}
