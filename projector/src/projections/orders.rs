//! Orders.

use esteira_events::{
    ItemData, OrderCanceled, OrderCreated, OrderPaid, OrderStatus, OrderUpdated, ProductData, Reservation,
};
use esteira_sql::{Money, Timestamp};
use esteira_views::{OrderItemView, OrderView, ProductFacet, UserFacet};

pub(super) fn created(event: &OrderCreated, at: Timestamp) -> OrderView {
    let order = &event.order;
    let user = order.user.as_ref().map(|user| UserFacet {
        id: user.id.0,
        name: user.name.clone(),
        email: user.email.clone(),
        version: user.version.unwrap_or(0),
        revision: 0,
    });
    OrderView {
        id: order.id.0,
        user_id: order.user_id.0,
        status: order.status.as_str().to_owned(),
        total_amount: total(order.total_amount, &order.items),
        user: user.unwrap_or(UserFacet { id: order.user_id.0, ..UserFacet::default() }),
        items: order.items.iter().map(item).collect(),
        created_at: at,
        updated_at: at,
        paid_at: None,
        canceled_at: None,
        cancel_reason: None,
        payment_method: None,
        refund_due: None,
        refund_reference: None,
        reservation: Reservation::Pending.as_str().to_owned(),
        version: 0,
        revision: 0,
        applied: None,
        incomplete: incomplete(&order.items),
    }
}

/// Go announces a total of 0, whatever the items cost.
fn total(announced: Money, items: &[ItemData]) -> Money {
    if announced != Money::ZERO {
        return announced;
    }
    items
        .iter()
        .try_fold(Money::ZERO, |sum, item| sum.plus(item.unit_price.times(item.quantity)?))
        .unwrap_or(announced)
}

fn item(item: &ItemData) -> OrderItemView {
    let facet = item.product.as_ref().map(product_facet);
    OrderItemView {
        product_id: item.product_id.0,
        quantity: item.quantity,
        unit_price: item.unit_price,
        product: facet.unwrap_or(ProductFacet { id: item.product_id.0, ..ProductFacet::default() }),
    }
}

/// The product as a line of an order shows it.
pub(crate) fn product_facet(product: &ProductData) -> ProductFacet {
    ProductFacet { id: product.id.0, name: product.name.clone(), price: product.price, stock: product.stock }
}

fn incomplete(items: &[ItemData]) -> Option<i64> {
    let missing = items.iter().filter(|item| item.product.is_none()).count();
    i64::try_from(missing).ok().filter(|missing| *missing > 0)
}

pub(super) fn updated(view: OrderView, event: &OrderUpdated, at: Timestamp) -> OrderView {
    OrderView {
        status: event.status.as_str().to_owned(),
        reservation: event.reservation.map_or(view.reservation, |state| state.as_str().to_owned()),
        refund_due: event.refund_due.or(view.refund_due),
        refund_reference: event.refund_reference.clone().or(view.refund_reference),
        updated_at: at,
        ..view
    }
}

pub(super) fn paid(view: OrderView, event: &OrderPaid, at: Timestamp) -> OrderView {
    OrderView {
        status: OrderStatus::Paid.as_str().to_owned(),
        payment_method: event.payment_method.clone().or(view.payment_method),
        paid_at: Some(at),
        updated_at: at,
        ..view
    }
}

pub(super) fn canceled(view: OrderView, event: &OrderCanceled, at: Timestamp) -> OrderView {
    OrderView {
        status: OrderStatus::Canceled.as_str().to_owned(),
        cancel_reason: Some(event.reason.clone()),
        refund_due: event.refund_due.or(view.refund_due),
        reservation: event.reservation.map_or(view.reservation, |state| state.as_str().to_owned()),
        canceled_at: Some(at),
        updated_at: at,
        ..view
    }
}

/// `next` without what an event that has no place in the order's sequence may not take back. Cancelled is final.
pub(super) fn ahead(before: OrderView, next: OrderView) -> OrderView {
    let rank = |view: &OrderView| OrderStatus::parse(&view.status);
    let status = if rank(&before) > rank(&next) { before.status } else { next.status };
    OrderView { status, updated_at: before.updated_at.max(next.updated_at), ..next }
}
