//! The `products` table.

use std::collections::HashSet;

use esteira_aggregate::{Aggregates, WriteError};
use esteira_events::ProductId;
use esteira_sql::bulk::{self, InsertedIds};
use esteira_sql::{Conn, Money, Timestamp, on};
use sqlx::QueryBuilder;

use crate::domain::Product;

esteira_sql::row! {
    /// A row of `products`.
    #[derive(Clone, Debug)]
    pub struct ProductRow {
        pub id: ProductId,
        pub name: String,
        pub price: Money,
        pub stock: i64,
        pub created_at: Timestamp,
        /// Go's `init.sql` has no value here.
        pub updated_at: Option<Timestamp>,
        pub version: i64,
    }
}

impl ProductRow {
    pub(super) fn into_state(self) -> Product {
        let Self { name, price, stock, created_at, updated_at, .. } = self;
        Product { name, price, stock, created_at, updated_at: updated_at.unwrap_or(created_at) }
    }
}

/// Loads and locks products, ids ascending.
pub(super) async fn load_for_update(
    conn: &mut Conn<'_>,
    ids: &[i64],
) -> Result<Vec<ProductRow>, sqlx::Error> {
    let lock = conn.for_update();
    let mut rows = Vec::with_capacity(ids.len());
    for list in bulk::key_lists(ids) {
        rows.extend::<Vec<ProductRow>>(on!(conn, c => {
            let mut query = QueryBuilder::new(
                "select id, name, price, stock, created_at, updated_at, version from products where id in ",
            );
            bulk::push_list(&mut query, &list);
            query.push(" order by id").push(lock);
            query.build_query_as().fetch_all(&mut *c).await
        })?);
    }
    Ok(rows)
}

/// Those of `ids` that an order refers to.
pub(super) async fn with_orders(conn: &mut Conn<'_>, ids: &[i64]) -> Result<HashSet<i64>, sqlx::Error> {
    let mut found = HashSet::new();
    for list in bulk::key_lists(ids) {
        let rows: Vec<ProductId> = on!(conn, c => {
            let mut query = QueryBuilder::new("select distinct product_id from order_products where product_id in ");
            bulk::push_list(&mut query, &list);
            query.build_query_scalar().fetch_all(&mut *c).await
        })?;
        found.extend(rows.into_iter().map(|id| id.0));
    }
    Ok(found)
}

pub(super) async fn write(conn: &mut Conn<'_>, products: &mut Aggregates<Product>) -> Result<(), WriteError> {
    insert(conn, products).await?;
    update(conn, products).await?;
    delete(conn, products).await
}

async fn insert(conn: &mut Conn<'_>, products: &mut Aggregates<Product>) -> Result<(), WriteError> {
    let mut assigned = Vec::new();
    for chunk in bulk::chunks(&products.created()) {
        let ids = on!(conn, c => {
            let mut query =
                QueryBuilder::new("insert into products (name, price, stock, created_at, updated_at, version) ");
            query.push_values(chunk, |mut row, (slot, product)| {
                row.push_bind(product.name.clone())
                    .push_bind(product.price)
                    .push_bind(product.stock)
                    .push_bind(product.created_at)
                    .push_bind(product.updated_at)
                    .push_bind(products.version(*slot));
            });
            query.build().execute(&mut *c).await?.inserted_ids(chunk.len())
        });
        assigned.extend(chunk.iter().map(|(slot, _)| *slot).zip(ids));
    }
    for (slot, id) in assigned {
        products.assign(slot, id);
    }
    Ok(())
}

async fn update(conn: &mut Conn<'_>, products: &Aggregates<Product>) -> Result<(), WriteError> {
    for chunk in bulk::chunks(&products.changed()) {
        let written = on!(conn, c => {
            bulk::Update::new("products", chunk, |row| row.id)
                .set("name", |row| row.state.name.clone())
                .set("price", |row| row.state.price)
                .set("stock", |row| row.state.stock)
                .set("updated_at", |row| row.state.updated_at)
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

async fn delete(conn: &mut Conn<'_>, products: &Aggregates<Product>) -> Result<(), WriteError> {
    for (id, loaded) in products.deleted() {
        let written = on!(conn, c => {
            sqlx::query("delete from products where id = ? and version = ?")
                .bind(id)
                .bind(loaded)
                .execute(&mut *c)
                .await
                .map(|done| done.rows_affected())
        })?;
        WriteError::check(written, 1)?;
    }
    Ok(())
}

/// One product, for a read.
pub async fn find(conn: &mut Conn<'_>, id: i64) -> Result<Option<ProductRow>, sqlx::Error> {
    on!(conn, c => {
        sqlx::query_as("select id, name, price, stock, created_at, updated_at, version from products where id = ?")
            .bind(id)
            .fetch_optional(&mut *c)
            .await
    })
}

/// A page of products by id, and how many there are.
pub async fn list(
    conn: &mut Conn<'_>,
    after: i64,
    limit: i64,
) -> Result<(Vec<ProductRow>, i64), sqlx::Error> {
    on!(conn, c => {
        let rows = sqlx::query_as(
            "select id, name, price, stock, created_at, updated_at, version from products \
             where id > ? order by id limit ?",
        )
        .bind(after)
        .bind(limit)
        .fetch_all(&mut *c)
        .await?;
        let total = sqlx::query_scalar("select count(*) from products").fetch_one(&mut *c).await?;
        Ok((rows, total))
    })
}
