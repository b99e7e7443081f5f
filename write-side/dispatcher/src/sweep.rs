//! Reading the pages of a sweep.

use esteira_outbox::{OutboxRow, claim};
use esteira_sql::Db;

/// The most pages of a sweep that publish something. Under load a sweep would never reach the end, while a row with a
/// low id that committed late waits for the next sweep, which begins at 0. Pages full of blocked keys do not count:
/// else many of them would hide what lies behind.
pub(crate) const PAGES: usize = 16;

pub(crate) async fn claim_page(db: &Db, after: i64, limit: u32) -> Result<Vec<OutboxRow>, sqlx::Error> {
    let mut reader = db.read().await?;
    claim(&mut reader.conn(), after, limit).await
}
