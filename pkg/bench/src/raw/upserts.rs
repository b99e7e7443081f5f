//! The views' ceiling: the documents of the orders once more, by guarded upserts of the driver alone.

use std::time::{Duration, Instant};

use anyhow::bail;
use bson::{Document, doc};
use esteira_views::ORDERS;
use futures::TryStreamExt;
use mongodb::Database;

/// Statements of one command.
const STATEMENTS: usize = 1_000;
/// Documents that are held in memory at once.
const PAGE: i64 = 10_000;
/// A version that no document has: the guard of a creation.
const NEVER: i64 = -1;

/// Documents a second. The collection keeps its indexes, and ends as it was.
#[expect(clippy::cast_precision_loss, reason = "a count of documents")]
pub async fn upserts(database: &Database) -> anyhow::Result<f64> {
    let orders = database.collection::<Document>(ORDERS.name);
    let (mut after, mut written, mut took) = (bson::Bson::MinKey, 0, Duration::ZERO);
    loop {
        let page = orders.find(doc! { "_id": { "$gt": after } }).sort(doc! { "_id": 1 }).limit(PAGE);
        let page: Vec<Document> = page.await?.try_collect().await?;
        let Some(last) = page.last().and_then(|document| document.get("_id")) else { break };
        after = last.clone();
        let first = page[0].get("_id").cloned();
        orders.delete_many(doc! { "_id": { "$gte": first, "$lte": last } }).await?;
        let statements: Vec<Document> = page.iter().map(statement).collect();
        let started = Instant::now();
        for chunk in statements.chunks(STATEMENTS) {
            let command = doc! {
                "update": ORDERS.name,
                "updates": chunk,
                "ordered": false,
                "writeConcern": { "w": "majority", "j": true },
            };
            let answer = database.run_command(command).await?;
            if answer.contains_key("writeErrors") {
                bail!("a guarded upsert was refused");
            }
        }
        took += started.elapsed();
        written += page.len();
    }
    Ok(written as f64 / took.as_secs_f64())
}

fn statement(document: &Document) -> Document {
    let mut fields = document.clone();
    let id = fields.remove("_id");
    doc! { "q": { "_id": id, "version": NEVER }, "u": { "$set": fields }, "upsert": true }
}
