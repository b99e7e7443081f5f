//! The outbox read as the event log that it is.

use esteira_sql::{Conn, on};
use sqlx::QueryBuilder;

use crate::row::{OutboxRow, columns};

/// Up to `limit` rows with an id above `after`, published or not, in order of id: what is appended while a reader pages
/// may be missed, since ids commit out of order.
pub async fn page(conn: &mut Conn<'_>, after: i64, limit: u32) -> Result<Vec<OutboxRow>, sqlx::Error> {
    let columns = columns(conn.now_ms());
    // Ordered by the column, since the cast has no index.
    on!(conn, c => {
        QueryBuilder::new(format!("select {columns} from outbox where id > "))
            .push_bind(after)
            .push(" order by outbox.id limit ")
            .push_bind(limit)
            .build_query_as()
            .fetch_all(&mut *c)
            .await
    })
}
