//! Orders and their events, written straight into the store: a backlog in less time than clients would take.

use esteira_events::{
    ItemData, OrderCreated, OrderData, OrderId, OrderPaid, OrderStatus, OrderUpdated, Payload, ProductData,
    ProductId, Reservation, UserData, UserId,
};
use esteira_outbox::{NewEvent, append};
use esteira_sql::{Conn, Db, Money, Timestamp, bulk, on};
use sqlx::QueryBuilder;

use crate::load::{NAME, PRODUCT, Shop, email};
use crate::oracle::int;
use crate::progress::Progress;

/// Orders of one transaction.
const BLOCK: usize = 512;
/// Events of an order's whole life: created, reserved, paid.
pub const LIFE: usize = 3;

/// How far orders have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Created,
    /// With an event for each step.
    Paid,
}

/// Adds `count` orders of `shop` at `stage`.
pub async fn orders(db: &Db, shop: &Shop, count: usize, stage: Stage) -> anyhow::Result<()> {
    let first = int(db, "select coalesce(max(id), 0) + 1 from orders").await?;
    let progress = Progress::of(&format!("  writing {count} orders"), count as u64, "orders");
    for start in (0..count).step_by(BLOCK) {
        let ids: Vec<i64> =
            (start..count.min(start + BLOCK)).map(|index| first + index.cast_signed() as i64).collect();
        let mut tx = db.begin().await?;
        block(&mut tx.conn(), shop, &ids, stage).await?;
        tx.commit().await?;
        progress.at((start + ids.len()) as u64);
    }
    Ok(())
}

async fn block(conn: &mut Conn<'_>, shop: &Shop, ids: &[i64], stage: Stage) -> Result<(), sqlx::Error> {
    let now = Timestamp::now();
    let orders: Vec<OrderData> = ids.iter().map(|id| order(shop, *id)).collect();
    insert_orders(conn, &orders, stage, now).await?;
    insert_lines(conn, &orders).await?;
    let created = |order: &OrderData| Payload::OrderCreated(OrderCreated { order: order.clone() });
    append(conn, events(&orders, 1, now, created)).await?;
    if stage == Stage::Paid {
        append(conn, events(&orders, 2, now, reserved)).await?;
        append(conn, events(&orders, 3, now, paid)).await?;
    }
    Ok(())
}

fn order(shop: &Shop, id: i64) -> OrderData {
    let index = usize::try_from(id).unwrap_or(0);
    let buyer = index % shop.users.len();
    let user = shop.users[buyer];
    let price = Money::nearest(19.9).unwrap_or(Money::ZERO);
    let item = |line: usize| {
        let product_id = ProductId(shop.products[(2 * index + line) % shop.products.len()]);
        let product = ProductData { id: product_id, name: PRODUCT.to_owned(), price, stock: shop.stock };
        ItemData { product_id, quantity: 1, unit_price: price, product: Some(product) }
    };
    OrderData {
        id: OrderId(id),
        user_id: UserId(user),
        status: OrderStatus::Created,
        total_amount: price.times(2).unwrap_or(price),
        items: vec![item(0), item(1)],
        user: Some(UserData {
            id: UserId(user),
            name: NAME.to_owned(),
            email: email(buyer),
            version: Some(1),
        }),
    }
}

fn reserved(order: &OrderData) -> Payload {
    Payload::OrderUpdated(OrderUpdated {
        order_id: order.id,
        status: OrderStatus::Created,
        reservation: Some(Reservation::Reserved),
        refund_due: None,
        refund_reference: None,
    })
}

fn paid(order: &OrderData) -> Payload {
    Payload::OrderPaid(OrderPaid { order_id: order.id, payment_method: Some("pix".to_owned()) })
}

fn events(
    orders: &[OrderData],
    sequence: i64,
    at: Timestamp,
    payload: impl Fn(&OrderData) -> Payload,
) -> Vec<NewEvent> {
    let event = |order| NewEvent { payload: payload(order), sequence, occurred_at: at, trace: None };
    orders.iter().map(event).collect()
}

async fn insert_orders(
    conn: &mut Conn<'_>,
    orders: &[OrderData],
    stage: Stage,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let (status, reservation, version, method) = match stage {
        Stage::Created => ("CREATED", "PENDING", 1_i64, None),
        Stage::Paid => ("PAID", "RESERVED", 3, Some("pix")),
    };
    for chunk in bulk::chunks(orders) {
        on!(conn, c => {
            let mut query = QueryBuilder::new(
                "insert into orders (id, user_id, status, total_amount, created_at, updated_at, version, reservation, payment_method) ",
            );
            query.push_values(chunk, |mut row, order| {
                row.push_bind(order.id)
                    .push_bind(order.user_id)
                    .push_bind(status)
                    .push_bind(order.total_amount)
                    .push_bind(now)
                    .push_bind(now)
                    .push_bind(version)
                    .push_bind(reservation)
                    .push_bind(method);
            });
            query.build().execute(&mut *c).await.map(drop)
        })?;
    }
    Ok(())
}

async fn insert_lines(conn: &mut Conn<'_>, orders: &[OrderData]) -> Result<(), sqlx::Error> {
    let lines: Vec<(OrderId, &ItemData)> =
        orders.iter().flat_map(|order| order.items.iter().map(|item| (order.id, item))).collect();
    for chunk in bulk::chunks(&lines) {
        on!(conn, c => {
            let mut query = QueryBuilder::new("insert into order_products (order_id, product_id, quantity, unit_price) ");
            query.push_values(chunk, |mut row, (order_id, item)| {
                row.push_bind(*order_id).push_bind(item.product_id).push_bind(item.quantity).push_bind(item.unit_price);
            });
            query.build().execute(&mut *c).await.map(drop)
        })?;
    }
    Ok(())
}
