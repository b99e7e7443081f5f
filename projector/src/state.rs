//! What the write side's tables say, beside what the events do.

use std::collections::BTreeMap;

use esteira_events::{AggregateKind, OrderStatus};
use esteira_sql::{Db, Money, bulk, on};
use esteira_views::{ProductView, UserView};
use sqlx::QueryBuilder;

use crate::projections::View;

esteira_sql::row! {
    struct UserRow {
        id: i64,
        version: i64,
        name: String,
        email: String,
    }
}

esteira_sql::row! {
    struct ProductRow {
        id: i64,
        version: i64,
        name: String,
        price: Money,
        stock: i64,
    }
}

esteira_sql::row! {
    struct OrderRow {
        id: i64,
        version: i64,
        user_id: i64,
        status: String,
        reservation: String,
        payment_method: Option<String>,
        cancel_reason: Option<String>,
        refund_due: bool,
    }
}

esteira_sql::row! {
    struct ItemRow {
        order_id: i64,
        product_id: i64,
        quantity: i64,
        unit_price: Money,
    }
}

/// A row: its version, and in words what is in it that its view shows too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) version: i64,
    pub(crate) says: String,
}

/// The rows of `ids`.
pub(crate) async fn rows(
    store: &Db,
    kind: AggregateKind,
    ids: &[i64],
) -> Result<BTreeMap<i64, Row>, sqlx::Error> {
    match kind {
        AggregateKind::User => {
            let columns = "cast(id as signed) as id, version, name, email from users";
            let rows: Vec<UserRow> = select(store, columns, "id", ids).await?;
            Ok(rows
                .into_iter()
                .map(|row| (row.id, Row { version: row.version, says: user(&row.name, &row.email) }))
                .collect())
        }
        AggregateKind::Product => {
            let columns = "cast(id as signed) as id, version, name, price, cast(stock as signed) as stock from products";
            let rows: Vec<ProductRow> = select(store, columns, "id", ids).await?;
            let says = |row: &ProductRow| product(&row.name, row.price, row.stock);
            Ok(rows.into_iter().map(|row| (row.id, Row { version: row.version, says: says(&row) })).collect())
        }
        AggregateKind::Order => orders(store, ids).await,
        AggregateKind::Reservation => Ok(BTreeMap::new()),
    }
}

/// What a view says of what its row has too.
pub(crate) fn says(view: &View) -> String {
    match view {
        View::User(UserView { name, email, .. }) => user(name, email),
        View::Product(ProductView { name, price, stock, .. }) => product(name, *price, *stock),
        View::Order(view) => order(&Order {
            user: view.user_id,
            status: &view.status,
            reservation: &view.reservation,
            payment: view.payment_method.as_deref(),
            reason: view.cancel_reason.as_deref(),
            refund_due: view.refund_due.unwrap_or(false),
            items: view.items.iter().map(|item| (item.product_id, item.quantity, item.unit_price)).collect(),
        }),
    }
}

fn user(name: &str, email: &str) -> String {
    format!("name {name}, email {email}")
}

fn product(name: &str, price: Money, stock: i64) -> String {
    format!("name {name}, price {price}, stock {stock}")
}

/// A product, how many of it, at which price each.
type Line = (i64, i64, Money);

struct Order<'a> {
    user: i64,
    status: &'a str,
    reservation: &'a str,
    payment: Option<&'a str>,
    reason: Option<&'a str>,
    refund_due: bool,
    items: Vec<Line>,
}

fn order(Order { user, status, reservation, payment, reason, refund_due, items }: &Order<'_>) -> String {
    let mut items = items.clone();
    items.sort_unstable();
    let line = |(product, quantity, price): &Line| format!("{quantity} of {product} at {price}");
    let items = items.iter().map(line).collect::<Vec<_>>().join(" and ");
    let [payment, reason] = [payment, reason].map(|text| text.unwrap_or("-"));
    format!(
        "user {user}, status {status}, reservation {reservation}, paid by {payment}, canceled for {reason}, \
         refund due {refund_due}, items {items}"
    )
}

async fn orders(store: &Db, ids: &[i64]) -> Result<BTreeMap<i64, Row>, sqlx::Error> {
    let columns = "cast(id as signed) as id, version, cast(user_id as signed) as user_id, status, reservation, payment_method, \
                   cancel_reason, refund_due from orders";
    let rows: Vec<OrderRow> = select(store, columns, "id", ids).await?;
    let columns = "cast(order_id as signed) as order_id, cast(product_id as signed) as product_id, \
                   cast(quantity as signed) as quantity, unit_price from order_products";
    let items: Vec<ItemRow> = select(store, columns, "order_id", ids).await?;
    let mut by_order = BTreeMap::<i64, Vec<Line>>::new();
    for item in items {
        by_order.entry(item.order_id).or_default().push((item.product_id, item.quantity, item.unit_price));
    }
    let row = |row: OrderRow| {
        let says = order(&Order {
            user: row.user_id,
            // Go stored any text as a status; the order service reads one that it does not know as this.
            status: OrderStatus::parse(&row.status).unwrap_or(OrderStatus::Created).as_str(),
            reservation: &row.reservation,
            payment: row.payment_method.as_deref(),
            reason: row.cancel_reason.as_deref(),
            refund_due: row.refund_due,
            items: by_order.remove(&row.id).unwrap_or_default(),
        });
        (row.id, Row { version: row.version, says })
    };
    Ok(rows.into_iter().map(row).collect())
}

esteira_sql::row! {
    struct StockRow {
        id: i64,
        version: i64,
        stock: i64,
    }
}

/// What is left of the products `ids`, each with its row's version.
pub(crate) async fn stocks(store: &Db, ids: &[i64]) -> Result<BTreeMap<i64, (i64, i64)>, sqlx::Error> {
    let columns = "cast(id as signed) as id, version, cast(stock as signed) as stock from products";
    let rows: Vec<StockRow> = select(store, columns, "id", ids).await?;
    Ok(rows.into_iter().map(|row| (row.id, (row.version, row.stock))).collect())
}

async fn select<R>(store: &Db, columns: &str, key: &str, ids: &[i64]) -> Result<Vec<R>, sqlx::Error>
where
    R: for<'r> sqlx::FromRow<'r, sqlx::mysql::MySqlRow>
        + for<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow>
        + Send
        + Unpin,
{
    let mut reader = store.read().await?;
    let mut found: Vec<R> = Vec::new();
    for list in bulk::key_lists(ids) {
        let rows: Vec<R> = on!(&mut reader.conn(), c => {
            let mut query = QueryBuilder::new(format!("select {columns} where {key} in "));
            bulk::push_list(&mut query, &list);
            query.build_query_as().fetch_all(&mut *c).await
        })?;
        found.extend(rows);
    }
    Ok(found)
}
