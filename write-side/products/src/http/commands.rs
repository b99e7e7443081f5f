//! Commands over HTTP.

use axum::extract::State;
use axum::http::StatusCode;
use esteira_aggregate::Snapshot;
use esteira_command_api::{CommandRequest, amount, not_found, reply, submit, token};
use esteira_events::ProductId;
use esteira_sql::Money;
use esteira_web::{
    CommandProblems, Envelope, Fields, IdempotencyKey, Integer, JsonBody, Message, PathId, Problem, Reply,
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::ProductsApi;
use super::product::{ProductBody, rejected};
use crate::domain::{CreateProduct, DeleteProduct, MoveStock, Product, STOCK_MAX, UpdateProduct};
use crate::service::ProductCommand;

type Stock = Integer<0, STOCK_MAX>;

/// A new product.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CreateProductBody {
    #[schema(
        min_length = 1,
        max_length = 255,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*[^\\s\\u0000-\\u001f\\u007f-\\u009f][^\\u0000-\\u001f\\u007f-\\u009f]*$",
        example = "Notebook"
    )]
    name: String,
    #[schema(minimum = 0.01, maximum = 99_999_999.99, multiple_of = 0.01, example = 3500)]
    price: f64,
    #[schema(value_type = i64, minimum = 0, maximum = 2_147_483_647, example = 10)]
    stock: Stock,
}

/// New values; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
pub struct UpdateProductBody {
    #[schema(
        min_length = 1,
        max_length = 255,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*[^\\s\\u0000-\\u001f\\u007f-\\u009f][^\\u0000-\\u001f\\u007f-\\u009f]*$",
        example = "Notebook"
    )]
    name: Option<String>,
    #[schema(minimum = 0.01, maximum = 99_999_999.99, multiple_of = 0.01, example = 3500)]
    price: Option<f64>,
    /// Sets the stock, whatever is reserved; `POST /products/{id}/stock` moves it.
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 2_147_483_647, example = 10)]
    stock: Option<Stock>,
}

/// A move of the stock.
#[derive(Debug, Deserialize, ToSchema)]
pub struct MoveStockBody {
    /// What is added; negative to take away.
    #[schema(example = -2)]
    delta: i64,
}

impl ProductsApi {
    async fn submit(
        &self,
        request: CommandRequest,
        command: ProductCommand,
        body_hash: [u8; 32],
    ) -> Result<Snapshot<Product>, Problem> {
        // Only reactions have no outcome, and no client sends those.
        let outcome = submit(&self.commands, request, command, body_hash, rejected).await?;
        outcome.ok_or_else(|| not_found::<Product>(0))
    }
}

/// Create a product
#[utoipa::path(post, path = "/products", tag = "products", params(IdempotencyKey), request_body = CreateProductBody,
    responses((status = 201, body = Envelope<ProductBody>), CommandProblems))]
pub async fn create(
    State(api): State<ProductsApi>,
    request: CommandRequest,
    body: JsonBody<CreateProductBody>,
) -> Result<Reply<Envelope<ProductBody>>, Problem> {
    let mut fields = Fields::new();
    let name = fields.name("name", &body.value.name).to_owned();
    let price = amount(&mut fields, "price", body.value.price, Money::CENT);
    let stock = body.value.stock.checked(&mut fields, "stock");
    fields.finish()?;
    let command = ProductCommand::Create(CreateProduct { name, price, stock });
    let snapshot = api.submit(request, command, body.hash).await?;
    let path = format!("/products/{}", snapshot.id);
    Ok(reply(StatusCode::CREATED, snapshot, "product created")?.location(&path))
}

/// Change a product
#[utoipa::path(put, path = "/products/{id}", tag = "products", params(PathId, CommandRequest),
    request_body = UpdateProductBody, responses((status = 200, body = Envelope<ProductBody>), CommandProblems))]
pub async fn update(
    State(api): State<ProductsApi>,
    PathId(id): PathId,
    request: CommandRequest,
    body: JsonBody<UpdateProductBody>,
) -> Result<Reply<Envelope<ProductBody>>, Problem> {
    let mut fields = Fields::new();
    let name = body.value.name.as_deref().map(|name| fields.name("name", name).to_owned());
    let price = body.value.price.map(|value| amount(&mut fields, "price", value, Money::CENT));
    let stock = body.value.stock.map(|stock| stock.checked(&mut fields, "stock"));
    fields.finish()?;
    let command = ProductCommand::Update(UpdateProduct { id: ProductId(id), name, price, stock });
    reply(StatusCode::OK, api.submit(request, command, body.hash).await?, "product updated")
}

/// Move stock
///
/// Adds to the stock or takes from it, without overwriting reservations. Refused with 409 below 0.
#[utoipa::path(post, path = "/products/{id}/stock", tag = "products", params(PathId, CommandRequest),
    request_body = MoveStockBody, responses((status = 200, body = Envelope<ProductBody>), CommandProblems))]
pub async fn move_stock(
    State(api): State<ProductsApi>,
    PathId(id): PathId,
    request: CommandRequest,
    body: JsonBody<MoveStockBody>,
) -> Result<Reply<Envelope<ProductBody>>, Problem> {
    let command = ProductCommand::MoveStock(MoveStock { id: ProductId(id), delta: body.value.delta });
    reply(StatusCode::OK, api.submit(request, command, body.hash).await?, "stock moved")
}

/// Delete a product
///
/// Refused with 409 while any order refers to the product.
#[utoipa::path(delete, path = "/products/{id}", tag = "products", params(PathId, CommandRequest),
    responses((status = 200, body = Message), CommandProblems))]
pub async fn delete(
    State(api): State<ProductsApi>,
    PathId(id): PathId,
    request: CommandRequest,
) -> Result<Reply<Message>, Problem> {
    let command = ProductCommand::Delete(DeleteProduct { id: ProductId(id) });
    let snapshot = api.submit(request, command, [0; 32]).await?;
    Ok(Reply::ok(Message::new("product deleted")).token(&token(&snapshot)))
}
