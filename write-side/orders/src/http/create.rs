//! `POST /orders`.

use axum::extract::State;
use axum::http::StatusCode;
use esteira_command_api::{CommandRequest, amount, reply};
use esteira_events::{ProductId, UserId};
use esteira_sql::Money;
use esteira_web::{CommandProblems, Envelope, Fields, IdempotencyKey, Integer, JsonBody, Problem, Reply};
use serde::Deserialize;
use utoipa::ToSchema;

use super::OrdersApi;
use super::order::OrderBody;
use crate::domain::{CreateOrder, NewItem, QUANTITY_MAX};
use crate::service::OrderCommand;

/// The most lines of an order.
const ITEMS_MAX: usize = 500;

type Id = Integer<1, { i64::MAX }>;

/// A new order.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CreateOrderBody {
    #[schema(value_type = i64, minimum = 1, example = 1)]
    user_id: Id,
    #[schema(min_items = 1, max_items = 500)]
    items: Vec<CreateItemBody>,
}

/// A line of a new order. The same product on two lines is one line.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CreateItemBody {
    #[schema(value_type = i64, minimum = 1, example = 1)]
    product_id: Id,
    #[schema(value_type = i64, minimum = 1, maximum = 2_147_483_647, example = 2)]
    quantity: Integer<1, QUANTITY_MAX>,
    /// The catalogue's where it is absent.
    #[schema(minimum = 0, maximum = 99_999_999.99, multiple_of = 0.01, example = 89.9)]
    unit_price: Option<f64>,
}

/// Create an order
///
/// Its stock is reserved right after; an order whose stock cannot be reserved is cancelled by the platform.
#[utoipa::path(post, path = "/orders", tag = "orders", params(IdempotencyKey), request_body = CreateOrderBody,
    responses((status = 201, body = Envelope<OrderBody>), CommandProblems))]
pub async fn create(
    State(api): State<OrdersApi>,
    request: CommandRequest,
    body: JsonBody<CreateOrderBody>,
) -> Result<Reply<Envelope<OrderBody>>, Problem> {
    let command = OrderCommand::Create(checked(&body.value)?);
    let snapshot = api.submit(request, command, body.hash).await?;
    let path = format!("/orders/{}", snapshot.id);
    Ok(reply(StatusCode::CREATED, snapshot, "order created")?.location(&path))
}

fn checked(body: &CreateOrderBody) -> Result<CreateOrder, Problem> {
    let mut fields = Fields::new();
    let user_id = UserId(body.user_id.checked(&mut fields, "user_id"));
    let count = body.items.len();
    fields.check(
        (1..=ITEMS_MAX).contains(&count),
        "items",
        count,
        format!("must have 1 to {ITEMS_MAX} lines"),
    );
    let lines = body.items.iter().take(ITEMS_MAX).enumerate();
    let items = lines.map(|(index, line)| item(&mut fields, index, line)).collect();
    fields.finish()?;
    Ok(CreateOrder { user_id, items })
}

fn item(fields: &mut Fields, index: usize, line: &CreateItemBody) -> NewItem {
    let name = |field: &str| format!("items[{index}].{field}");
    let product_id = ProductId(line.product_id.checked(fields, name("product_id")));
    let quantity = line.quantity.checked(fields, name("quantity"));
    let unit_price = line.unit_price.map(|price| amount(fields, name("unit_price"), price, Money::ZERO));
    NewItem { product_id, quantity, unit_price }
}
