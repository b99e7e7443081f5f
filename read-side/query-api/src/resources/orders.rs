mod body;
mod stream;

use axum::Json;
use axum::extract::State;
use esteira_views::{Filter, ORDERS, OrderView, Scalar};
use esteira_web::{ConsistencyToken, NoQuery, PathId, Problem, ReadProblems, Reply};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::one;
use crate::consistency::wait_for;
use crate::failure::journey_problem;
use crate::journey::{Journey, journey};
use crate::list::{Filters, ListRequest, PageParams, Params, SortKind, Sortable, amounts, page};
use crate::state::QueryState;
use body::OrderBody;

pub(crate) use body::shown_order;

const STATUSES: [&str; 6] = ["CREATED", "PAID", "PROCESSING", "SHIPPED", "DELIVERED", "CANCELED"];

pub(super) fn routes() -> OpenApiRouter<QueryState> {
    OpenApiRouter::new()
        .routes(routes!(list_orders))
        .routes(routes!(stream::stream_orders))
        .routes(routes!(get_order))
        .routes(routes!(get_journey))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Orders)]
struct OrdersBody {
    orders: Vec<OrderBody>,
    /// How many orders match, counted up to 10,000.
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
struct OrderFilters {
    #[param(minimum = 1)]
    user_id: Option<i64>,
    /// One or more of `CREATED`, `PAID`, `PROCESSING`, `SHIPPED`, `DELIVERED`, `CANCELED`, with commas between them.
    #[param(
        example = "PAID,PROCESSING",
        pattern = "^(CREATED|PAID|PROCESSING|SHIPPED|DELIVERED|CANCELED)(,(CREATED|PAID|PROCESSING|SHIPPED|DELIVERED|CANCELED))*$"
    )]
    status: Option<String>,
    /// Orders with this product on a line.
    #[param(minimum = 1)]
    product_id: Option<i64>,
    /// The first moment that counts: a time (RFC 3339) or a day (UTC).
    #[param(example = "2026-11-22")]
    created_from: Option<String>,
    /// The last moment that counts: a time (RFC 3339) or a day (UTC), the whole of which counts.
    #[param(example = "2026-11-22T12:43:00Z")]
    created_to: Option<String>,
    /// The lowest total that counts.
    #[param(minimum = 0, maximum = 99_999_999.99, multiple_of = 0.01)]
    min_total: Option<f64>,
    /// The highest total that counts.
    #[param(minimum = 0, maximum = 99_999_999.99, multiple_of = 0.01)]
    max_total: Option<f64>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only describes the parameter; `Filters` names it")]
struct OrderSort {
    /// `id` (the default), `created_at` or `total`; `-created_at` for the latest first.
    #[param(pattern = "^-?(id|created_at|total)$")]
    sort: Option<String>,
}

impl Filters for OrderFilters {
    const NAMES: &'static [&'static str] =
        &["user_id", "status", "product_id", "created_from", "created_to", "min_total", "max_total"];
    const SORTS: &'static [Sortable] = &[
        Sortable::ID,
        Sortable::CREATED_AT,
        Sortable { name: "total", path: "total_amount", kind: SortKind::Amount },
    ];

    fn read(params: &mut Params) -> Vec<Filter> {
        let user = params.integer("user_id", 1, i64::MAX).map(|id| Filter::eq("user_id", id));
        let product = params.integer("product_id", 1, i64::MAX).map(|id| Filter::AnyElement {
            array: "items".into(),
            field: "product_id".into(),
            equals: id.into(),
        });
        let filters = [user, status(params), product, created(params)];
        let total = amounts(params, "total_amount", "min_total", "max_total");
        filters.into_iter().chain([total]).flatten().collect()
    }
}

fn status(params: &mut Params) -> Option<Filter> {
    let mut chosen = params.choices("status", &STATUSES)?;
    Some(match chosen.pop() {
        Some(only) if chosen.is_empty() => Filter::eq("status", only),
        last => Filter::In("status".into(), chosen.into_iter().chain(last).map(Scalar::from).collect()),
    })
}

fn created(params: &mut Params) -> Option<Filter> {
    let (from, to) = (params.first_moment("created_from"), params.last_moment("created_to"));
    params.ordered(("created_from", from), ("created_to", to));
    let bounded = from.is_some() || to.is_some();
    bounded.then(|| Filter::Range {
        path: "created_at".into(),
        from: from.map(Scalar::Date),
        to: to.map(Scalar::Date),
    })
}

/// The orders that match all filters.
#[utoipa::path(get, path = "/orders", tag = "orders",
    params(OrderFilters, OrderSort, PageParams, ConsistencyToken),
    responses((status = 200, body = OrdersBody), ReadProblems))]
async fn list_orders(
    State(state): State<QueryState>,
    token: Option<ConsistencyToken>,
    request: ListRequest<OrderFilters>,
) -> Result<Json<OrdersBody>, Problem> {
    wait_for(&state, token).await?;
    let page = page::<OrderView, _>(&state, &ORDERS, &request).await?;
    Ok(Json(OrdersBody {
        orders: page.items.into_iter().map(OrderBody::from).collect(),
        total: page.total,
        total_is_lower_bound: page.total_is_lower_bound,
        next_cursor: page.next_cursor,
    }))
}

/// One order.
#[utoipa::path(get, path = "/orders/{id}", tag = "orders",
    params(PathId, ConsistencyToken),
    responses(
        (status = 200, body = OrderBody, headers(("ETag" = String, description = "The version in quotes"))),
        ReadProblems,
    ))]
async fn get_order(
    State(state): State<QueryState>,
    PathId(id): PathId,
    _: NoQuery,
    token: Option<ConsistencyToken>,
) -> Result<Reply<OrderBody>, Problem> {
    let view: OrderView = one(&state, &ORDERS, "order", id, token).await?;
    let version = view.version;
    Ok(Reply::ok(OrderBody::from(view)).etag(version))
}

/// What happened to an order: its events, how far each has come, and what waits. It reads the outbox, so a query service
/// tells it only where `MYSQL_DSN` is set.
#[utoipa::path(get, path = "/orders/{id}/journey", tag = "orders", params(PathId),
    responses((status = 200, body = Journey), ReadProblems))]
async fn get_journey(
    State(state): State<QueryState>,
    PathId(id): PathId,
    _: NoQuery,
) -> Result<Json<Journey>, Problem> {
    let store = state.store.as_ref().ok_or_else(|| {
        Problem::not_found("no_journeys", "this query service has no write store: set MYSQL_DSN")
    })?;
    let found = journey(store, state.views.as_ref(), &state.topics, id).await.map_err(journey_problem)?;
    found.map(Json).ok_or_else(|| Problem::not_found("order_not_found", format!("order {id} not found")))
}
