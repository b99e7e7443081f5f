use axum::Json;
use axum::extract::State;
use esteira_sql::{Money, Timestamp};
use esteira_views::{Filter, PRODUCTS, ProductView, Scalar};
use esteira_web::{ConsistencyToken, NoQuery, PathId, Problem, ReadProblems, Reply};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::one;
use crate::consistency::wait_for;
use crate::list::{Filters, ListRequest, PageParams, Params, SortKind, Sortable, amounts, page};
use crate::state::QueryState;

pub(super) fn routes() -> OpenApiRouter<QueryState> {
    OpenApiRouter::new().routes(routes!(list_products)).routes(routes!(get_product))
}

/// A product.
#[derive(Serialize, ToSchema)]
#[schema(as = Product)]
struct ProductBody {
    id: i64,
    name: String,
    /// Always there, as in Go, and empty so far.
    description: String,
    price: Money,
    stock: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
    version: i64,
}

impl From<ProductView> for ProductBody {
    fn from(view: ProductView) -> Self {
        Self {
            id: view.id,
            name: view.name,
            description: view.description.unwrap_or_default(),
            price: view.price,
            stock: view.stock,
            created_at: view.created_at,
            updated_at: view.updated_at,
            version: view.version,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Products)]
struct ProductsBody {
    products: Vec<ProductBody>,
    /// How many products match, counted up to 10,000.
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
struct ProductFilters {
    /// A part of the name, in upper or lower case.
    #[param(
        min_length = 1,
        max_length = 255,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*[^\\s\\u0000-\\u001f\\u007f-\\u009f][^\\u0000-\\u001f\\u007f-\\u009f]*$"
    )]
    name: Option<String>,
    /// The lowest price that counts.
    #[param(minimum = 0, maximum = 99_999_999.99, multiple_of = 0.01)]
    min_price: Option<f64>,
    /// The highest price that counts.
    #[param(minimum = 0, maximum = 99_999_999.99, multiple_of = 0.01)]
    max_price: Option<f64>,
    /// Whether there is any left.
    in_stock: Option<bool>,
    /// `id` (the default), `created_at` or `price`; `-price` for the highest first.
    #[param(pattern = "^-?(id|created_at|price)$")]
    sort: Option<String>,
}

impl Filters for ProductFilters {
    const NAMES: &'static [&'static str] = &["name", "min_price", "max_price", "in_stock"];
    const SORTS: &'static [Sortable] = &[
        Sortable::ID,
        Sortable::CREATED_AT,
        Sortable { name: "price", path: "price", kind: SortKind::Amount },
    ];

    fn read(params: &mut Params) -> Vec<Filter> {
        let name = params.text("name").map(|text| Filter::Contains("name".into(), text));
        let price = amounts(params, "price", "min_price", "max_price");
        let in_stock = params.flag("in_stock").map(stock);
        name.into_iter().chain(price).chain(in_stock).collect()
    }
}

fn stock(any: bool) -> Filter {
    let (from, to) = if any { (Some(Scalar::Int(1)), None) } else { (None, Some(Scalar::Int(0))) };
    Filter::Range { path: "stock".into(), from, to }
}

/// The products that match all filters.
#[utoipa::path(get, path = "/products", tag = "products",
    params(ProductFilters, PageParams, ConsistencyToken),
    responses((status = 200, body = ProductsBody), ReadProblems))]
async fn list_products(
    State(state): State<QueryState>,
    token: Option<ConsistencyToken>,
    request: ListRequest<ProductFilters>,
) -> Result<Json<ProductsBody>, Problem> {
    wait_for(&state, token).await?;
    let page = page::<ProductView, _>(&state, &PRODUCTS, &request).await?;
    Ok(Json(ProductsBody {
        products: page.items.into_iter().map(ProductBody::from).collect(),
        total: page.total,
        total_is_lower_bound: page.total_is_lower_bound,
        next_cursor: page.next_cursor,
    }))
}

/// One product.
#[utoipa::path(get, path = "/products/{id}", tag = "products",
    params(PathId, ConsistencyToken),
    responses(
        (status = 200, body = ProductBody, headers(("ETag" = String, description = "The version in quotes"))),
        ReadProblems,
    ))]
async fn get_product(
    State(state): State<QueryState>,
    PathId(id): PathId,
    _: NoQuery,
    token: Option<ConsistencyToken>,
) -> Result<Reply<ProductBody>, Problem> {
    let view: ProductView = one(&state, &PRODUCTS, "product", id, token).await?;
    let version = view.version;
    Ok(Reply::ok(ProductBody::from(view)).etag(version))
}
