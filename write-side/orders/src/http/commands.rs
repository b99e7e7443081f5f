//! Commands for orders that are there.

use axum::extract::State;
use axum::http::StatusCode;
use esteira_aggregate::Snapshot;
use esteira_command_api::{CommandRequest, reply, submit, token};
use esteira_events::{OrderId, OrderStatus};
use esteira_web::{
    CommandProblems, Envelope, Fields, JsonBody, Message, OptionalJsonBody, PathId, Problem, Reply,
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::OrdersApi;
use super::order::{OrderBody, rejected};
use crate::domain::{CancelOrder, DeleteOrder, Order, PayOrder, RefundOrder, SetStatus};
use crate::service::{OrderChange, OrderCommand};

const PAYMENT_METHOD_MAX: usize = 64;
const REASON_MAX: usize = 1_000;
const REFERENCE_MAX: usize = 255;

/// A wanted status.
#[derive(Debug, Deserialize, ToSchema)]
pub struct SetStatusBody {
    /// CREATED → PAID → PROCESSING → SHIPPED → DELIVERED, or CREATED → CANCELED.
    #[schema(value_type = OrderStatus)]
    status: String,
}

/// A payment.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct PayOrderBody {
    #[schema(
        max_length = 64,
        pattern = "^$|^[^\\u0000-\\u001f\\u007f-\\u009f]*[^\\s\\u0000-\\u001f\\u007f-\\u009f][^\\u0000-\\u001f\\u007f-\\u009f]*$",
        example = "credit_card"
    )]
    payment_method: Option<String>,
}

/// A cancellation.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CancelOrderBody {
    #[schema(
        min_length = 1,
        max_length = 1000,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*[^\\s\\u0000-\\u001f\\u007f-\\u009f][^\\u0000-\\u001f\\u007f-\\u009f]*$",
        example = "changed mind"
    )]
    reason: String,
}

/// A refund that was made.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct RefundOrderBody {
    #[schema(
        max_length = 255,
        pattern = "^$|^[^\\u0000-\\u001f\\u007f-\\u009f]*[^\\s\\u0000-\\u001f\\u007f-\\u009f][^\\u0000-\\u001f\\u007f-\\u009f]*$",
        example = "re_123"
    )]
    reference: Option<String>,
}

impl OrdersApi {
    pub async fn submit(
        &self,
        request: CommandRequest,
        command: OrderCommand,
        body_hash: [u8; 32],
    ) -> Result<Snapshot<Order>, Problem> {
        submit(&self.commands, request, command, body_hash, rejected).await
    }

    async fn change(
        &self,
        request: CommandRequest,
        change: OrderChange,
        body_hash: [u8; 32],
    ) -> Result<Snapshot<Order>, Problem> {
        self.submit(request, OrderCommand::Change(change), body_hash).await
    }
}

/// An optional text; empty counts as absent, as in Go.
fn optional(fields: &mut Fields, name: &str, value: Option<String>, max: usize) -> Option<String> {
    let value = value.filter(|value| !value.is_empty())?;
    Some(fields.text(name, &value, max).to_owned())
}

/// Set an order's status
///
/// PAID and CANCELED are the pay and cancel commands; the current status again changes nothing.
#[utoipa::path(put, path = "/orders/{id}", tag = "orders", params(PathId, CommandRequest), request_body = SetStatusBody,
    responses((status = 200, body = Envelope<OrderBody>), CommandProblems))]
pub async fn set_status(
    State(api): State<OrdersApi>,
    PathId(id): PathId,
    request: CommandRequest,
    body: JsonBody<SetStatusBody>,
) -> Result<Reply<Envelope<OrderBody>>, Problem> {
    let Some(status) = OrderStatus::parse(&body.value.status) else {
        let allowed = OrderStatus::ALL.map(OrderStatus::as_str).join(", ");
        return Err(Problem::invalid_field("status", body.value.status, format!("must be one of {allowed}")));
    };
    let change = OrderChange::SetStatus(SetStatus { id: OrderId(id), status });
    reply(StatusCode::OK, api.change(request, change, body.hash).await?, "order updated")
}

/// Pay an order
#[utoipa::path(post, path = "/orders/{id}/pay", tag = "orders", params(PathId, CommandRequest),
    request_body(content = PayOrderBody, description = "May be absent"),
    responses((status = 200, body = Envelope<OrderBody>), CommandProblems))]
pub async fn pay(
    State(api): State<OrdersApi>,
    PathId(id): PathId,
    request: CommandRequest,
    body: OptionalJsonBody<PayOrderBody>,
) -> Result<Reply<Envelope<OrderBody>>, Problem> {
    let mut fields = Fields::new();
    let payment_method =
        optional(&mut fields, "payment_method", body.value.payment_method, PAYMENT_METHOD_MAX);
    fields.finish()?;
    let change = OrderChange::Pay(PayOrder { id: OrderId(id), payment_method });
    reply(StatusCode::OK, api.change(request, change, body.hash).await?, "order paid")
}

/// Cancel an order
#[utoipa::path(post, path = "/orders/{id}/cancel", tag = "orders", params(PathId, CommandRequest),
    request_body = CancelOrderBody, responses((status = 200, body = Envelope<OrderBody>), CommandProblems))]
pub async fn cancel(
    State(api): State<OrdersApi>,
    PathId(id): PathId,
    request: CommandRequest,
    body: JsonBody<CancelOrderBody>,
) -> Result<Reply<Envelope<OrderBody>>, Problem> {
    let mut fields = Fields::new();
    let reason = fields.text("reason", &body.value.reason, REASON_MAX).to_owned();
    fields.finish()?;
    let change = OrderChange::Cancel(CancelOrder { id: OrderId(id), reason });
    reply(StatusCode::OK, api.change(request, change, body.hash).await?, "order canceled")
}

/// Record a refund
///
/// Only where `refund_due`, and once.
#[utoipa::path(post, path = "/orders/{id}/refund", tag = "orders", params(PathId, CommandRequest),
    request_body(content = RefundOrderBody, description = "May be absent"),
    responses((status = 200, body = Envelope<OrderBody>), CommandProblems))]
pub async fn refund(
    State(api): State<OrdersApi>,
    PathId(id): PathId,
    request: CommandRequest,
    body: OptionalJsonBody<RefundOrderBody>,
) -> Result<Reply<Envelope<OrderBody>>, Problem> {
    let mut fields = Fields::new();
    let reference = optional(&mut fields, "reference", body.value.reference, REFERENCE_MAX);
    fields.finish()?;
    let change = OrderChange::Refund(RefundOrder { id: OrderId(id), reference });
    reply(StatusCode::OK, api.change(request, change, body.hash).await?, "refund recorded")
}

/// Delete an order
///
/// Only when it is cancelled; else 409.
#[utoipa::path(delete, path = "/orders/{id}", tag = "orders", params(PathId, CommandRequest),
    responses((status = 200, body = Message), CommandProblems))]
pub async fn delete(
    State(api): State<OrdersApi>,
    PathId(id): PathId,
    request: CommandRequest,
) -> Result<Reply<Message>, Problem> {
    let change = OrderChange::Delete(DeleteOrder { id: OrderId(id) });
    let snapshot = api.change(request, change, [0; 32]).await?;
    Ok(Reply::ok(Message::new("order deleted")).token(&token(&snapshot)))
}
