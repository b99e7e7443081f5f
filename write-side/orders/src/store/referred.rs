//! Users and products that orders refer to: read and locked shared, never written.

use std::collections::HashMap;

use esteira_events::{ProductData, ProductId, UserData, UserId};
use esteira_sql::{Conn, Money, bulk, on};
use sqlx::QueryBuilder;

/// Users, locked so that none of them is deleted before the order is there. Ids ascending.
pub(super) async fn users(
    conn: &mut Conn<'_>,
    ids: &[i64],
) -> Result<HashMap<UserId, UserData>, sqlx::Error> {
    let lock = conn.for_share();
    let mut found = HashMap::new();
    for list in bulk::key_lists(ids) {
        let rows: Vec<(UserId, String, String, i64)> = on!(conn, c => {
            let mut query = QueryBuilder::new("select id, name, email, version from users where id in ");
            bulk::push_list(&mut query, &list);
            query.push(" order by id").push(lock);
            query.build_query_as().fetch_all(&mut *c).await
        })?;
        found
            .extend(rows.into_iter().map(|(id, name, email, version)| {
                (id, UserData { id, name, email, version: Some(version) })
            }));
    }
    Ok(found)
}

/// Products, locked so that none of them is deleted before the order is there. Ids ascending.
pub(super) async fn products(
    conn: &mut Conn<'_>,
    ids: &[i64],
) -> Result<HashMap<ProductId, ProductData>, sqlx::Error> {
    let lock = conn.for_share();
    let mut found = HashMap::new();
    for list in bulk::key_lists(ids) {
        let rows: Vec<(ProductId, String, Money, i64)> = on!(conn, c => {
            let mut query = QueryBuilder::new("select id, name, price, stock from products where id in ");
            bulk::push_list(&mut query, &list);
            query.push(" order by id").push(lock);
            query.build_query_as().fetch_all(&mut *c).await
        })?;
        found.extend(
            rows.into_iter().map(|(id, name, price, stock)| (id, ProductData { id, name, price, stock })),
        );
    }
    Ok(found)
}
