//! Reads without locks.

use esteira_sql::{Conn, on};
use sqlx::AssertSqlSafe;

use super::orders::items;
use super::row::{COLUMNS, OrderRow, StoredOrder, join};

/// One order.
pub async fn find(conn: &mut Conn<'_>, id: i64) -> Result<Option<StoredOrder>, sqlx::Error> {
    let row: Option<OrderRow> = on!(conn, c => {
        sqlx::query_as(AssertSqlSafe(format!("select {COLUMNS} from orders where id = ?")))
            .bind(id)
            .fetch_optional(&mut *c)
            .await
    })?;
    let Some(row) = row else { return Ok(None) };
    let items = items(conn, &[id]).await?;
    Ok(join(vec![row], items).pop())
}

/// A page of orders by id, and how many there are.
pub async fn list(
    conn: &mut Conn<'_>,
    after: i64,
    limit: i64,
) -> Result<(Vec<StoredOrder>, i64), sqlx::Error> {
    let rows: Vec<OrderRow> = on!(conn, c => {
        sqlx::query_as(AssertSqlSafe(format!("select {COLUMNS} from orders where id > ? order by id limit ?")))
            .bind(after)
            .bind(limit)
            .fetch_all(&mut *c)
            .await
    })?;
    let total = on!(conn, c => sqlx::query_scalar("select count(*) from orders").fetch_one(&mut *c).await)?;
    let ids: Vec<i64> = rows.iter().map(|row| row.id.0).collect();
    let items = items(conn, &ids).await?;
    Ok((join(rows, items), total))
}
