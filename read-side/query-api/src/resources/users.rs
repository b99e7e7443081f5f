use axum::Json;
use axum::extract::State;
use esteira_sql::Timestamp;
use esteira_views::{Filter, USERS, UserView};
use esteira_web::{ConsistencyToken, NoQuery, PathId, Problem, ReadProblems, Reply};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::one;
use crate::consistency::wait_for;
use crate::list::{Filters, ListRequest, PageParams, Params, Sortable, page};
use crate::state::QueryState;

pub(super) fn routes() -> OpenApiRouter<QueryState> {
    OpenApiRouter::new().routes(routes!(list_users)).routes(routes!(get_user))
}

/// A user.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
struct UserBody {
    id: i64,
    name: String,
    email: String,
    created_at: Timestamp,
    updated_at: Timestamp,
    version: i64,
}

impl From<UserView> for UserBody {
    fn from(view: UserView) -> Self {
        let UserView { id, name, email, created_at, updated_at, version, .. } = view;
        Self { id, name, email, created_at, updated_at, version }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Users)]
struct UsersBody {
    users: Vec<UserBody>,
    /// How many users match, counted up to 10,000.
    total: u64,
    /// Present when more than `total` match.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_is_lower_bound: Option<bool>,
    /// For `cursor`, absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only describes the parameters; `Filters` reads them")]
struct UserFilters {
    /// The email, in upper or lower case.
    #[param(
        min_length = 1,
        max_length = 255,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*[^\\s\\u0000-\\u001f\\u007f-\\u009f][^\\u0000-\\u001f\\u007f-\\u009f]*$"
    )]
    email: Option<String>,
    /// A part of the name, in upper or lower case.
    #[param(
        min_length = 1,
        max_length = 255,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*[^\\s\\u0000-\\u001f\\u007f-\\u009f][^\\u0000-\\u001f\\u007f-\\u009f]*$"
    )]
    name: Option<String>,
    /// `id` (the default) or `created_at`; `-created_at` for the latest first.
    #[param(pattern = "^-?(id|created_at)$")]
    sort: Option<String>,
}

impl Filters for UserFilters {
    const NAMES: &'static [&'static str] = &["email", "name"];
    const SORTS: &'static [Sortable] = &[Sortable::ID, Sortable::CREATED_AT];

    fn read(params: &mut Params) -> Vec<Filter> {
        let email = params.text("email").map(|text| Filter::EqIgnoreCase("email".into(), text));
        let name = params.text("name").map(|text| Filter::Contains("name".into(), text));
        email.into_iter().chain(name).collect()
    }
}

/// The users that match all filters.
#[utoipa::path(get, path = "/users", tag = "users",
    params(UserFilters, PageParams, ConsistencyToken),
    responses((status = 200, body = UsersBody), ReadProblems))]
async fn list_users(
    State(state): State<QueryState>,
    token: Option<ConsistencyToken>,
    request: ListRequest<UserFilters>,
) -> Result<Json<UsersBody>, Problem> {
    wait_for(&state, token).await?;
    let page = page::<UserView, _>(&state, &USERS, &request).await?;
    Ok(Json(UsersBody {
        users: page.items.into_iter().map(UserBody::from).collect(),
        total: page.total,
        total_is_lower_bound: page.total_is_lower_bound,
        next_cursor: page.next_cursor,
    }))
}

/// One user.
#[utoipa::path(get, path = "/users/{id}", tag = "users",
    params(PathId, ConsistencyToken),
    responses(
        (status = 200, body = UserBody, headers(("ETag" = String, description = "The version in quotes"))),
        ReadProblems,
    ))]
async fn get_user(
    State(state): State<QueryState>,
    PathId(id): PathId,
    _: NoQuery,
    token: Option<ConsistencyToken>,
) -> Result<Reply<UserBody>, Problem> {
    let view: UserView = one(&state, &USERS, "user", id, token).await?;
    let version = view.version;
    Ok(Reply::ok(UserBody::from(view)).etag(version))
}
