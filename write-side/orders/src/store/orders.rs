//! Loading for update, and writing.

use esteira_aggregate::{Aggregates, WriteError};
use esteira_events::OrderId;
use esteira_sql::bulk::{self, InsertedIds};
use esteira_sql::{Conn, on};
use sqlx::QueryBuilder;

use super::row::{COLUMNS, ItemRow, OrderRow, StoredOrder, join};
use crate::domain::{Item, Order};

/// Loads and locks orders, ids ascending.
pub(super) async fn load_for_update(
    conn: &mut Conn<'_>,
    ids: &[i64],
) -> Result<Vec<StoredOrder>, sqlx::Error> {
    let lock = conn.for_update();
    let mut rows = Vec::with_capacity(ids.len());
    for list in bulk::key_lists(ids) {
        rows.extend::<Vec<OrderRow>>(on!(conn, c => {
            let mut query = QueryBuilder::new(format!("select {COLUMNS} from orders where id in "));
            bulk::push_list(&mut query, &list);
            query.push(" order by id").push(lock);
            query.build_query_as().fetch_all(&mut *c).await
        })?);
    }
    let items = items(conn, ids).await?;
    Ok(join(rows, items))
}

pub(super) async fn items(conn: &mut Conn<'_>, order_ids: &[i64]) -> Result<Vec<ItemRow>, sqlx::Error> {
    let mut rows = Vec::new();
    for list in bulk::key_lists(order_ids) {
        rows.extend::<Vec<ItemRow>>(on!(conn, c => {
            let mut query =
                QueryBuilder::new("select order_id, product_id, quantity, unit_price from order_products where order_id in ");
            bulk::push_list(&mut query, &list);
            query.push(" order by order_id, product_id");
            query.build_query_as().fetch_all(&mut *c).await
        })?);
    }
    Ok(rows)
}

/// Writes every change of the batch.
pub async fn write(conn: &mut Conn<'_>, orders: &mut Aggregates<Order>) -> Result<(), WriteError> {
    insert(conn, orders).await?;
    update(conn, orders).await?;
    delete(conn, orders).await
}

async fn insert(conn: &mut Conn<'_>, orders: &mut Aggregates<Order>) -> Result<(), WriteError> {
    let mut assigned = Vec::new();
    let mut items: Vec<(OrderId, Item)> = Vec::new();
    for chunk in bulk::chunks(&orders.created()) {
        let ids = on!(conn, c => {
            let mut query = QueryBuilder::new(
                "insert into orders (user_id, status, total_amount, created_at, updated_at, version, reservation) ",
            );
            query.push_values(chunk, |mut row, (slot, order)| {
                row.push_bind(order.user_id)
                    .push_bind(order.status.as_str())
                    .push_bind(order.total_amount)
                    .push_bind(order.created_at)
                    .push_bind(order.updated_at)
                    .push_bind(orders.version(*slot))
                    .push_bind(order.reservation.as_str());
            });
            query.build().execute(&mut *c).await?.inserted_ids(chunk.len())
        });
        for ((slot, order), id) in chunk.iter().zip(ids) {
            assigned.push((*slot, id));
            items.extend(order.items.iter().map(|item| (OrderId(id), *item)));
        }
    }
    for (slot, id) in assigned {
        orders.assign(slot, id);
    }
    insert_items(conn, &items).await
}

async fn insert_items(conn: &mut Conn<'_>, items: &[(OrderId, Item)]) -> Result<(), WriteError> {
    for chunk in bulk::chunks(items) {
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

async fn update(conn: &mut Conn<'_>, orders: &Aggregates<Order>) -> Result<(), WriteError> {
    for chunk in bulk::chunks(&orders.changed()) {
        let written = on!(conn, c => {
            bulk::Update::new("orders", chunk, |row| row.id)
                .set("status", |row| row.state.status.as_str())
                .set("reservation", |row| row.state.reservation.as_str())
                .set("total_amount", |row| row.state.total_amount)
                .set("updated_at", |row| row.state.updated_at)
                .set("payment_method", |row| row.state.payment_method.clone())
                .set("paid_at", |row| row.state.paid_at)
                .set("canceled_at", |row| row.state.canceled_at)
                .set("cancel_reason", |row| row.state.cancel_reason.clone())
                .set("refund_due", |row| row.state.refund_due)
                .set("refund_reference", |row| row.state.refund_reference.clone())
                .set("version", |row| row.version)
                .guarded(|row| row.loaded)
                .build()
                .execute(&mut *c)
                .await?
                .rows_affected()
        });
        WriteError::check(written, chunk.len())?;
    }
    Ok(())
}

async fn delete(conn: &mut Conn<'_>, orders: &Aggregates<Order>) -> Result<(), WriteError> {
    for (id, loaded) in orders.deleted() {
        let written = on!(conn, c => {
            sqlx::query("delete from order_products where order_id = ?").bind(id).execute(&mut *c).await?;
            sqlx::query("delete from orders where id = ? and version = ?")
                .bind(id)
                .bind(loaded)
                .execute(&mut *c)
                .await?
                .rows_affected()
        });
        WriteError::check(written, 1)?;
    }
    Ok(())
}
