//! The tables of all services, which one database holds.

use anyhow::Context;
use esteira_sql::Db;
use esteira_sql::schema::{self, Schema};

/// Every role brings up every table: services read, and never write, each other's.
pub fn schemas() -> Vec<Schema> {
    vec![
        esteira_outbox::SCHEMA,
        esteira_aggregate::SCHEMA,
        esteira_reactions::SCHEMA,
        esteira_users::SCHEMA,
        esteira_products::SCHEMA,
        esteira_orders::SCHEMA,
        esteira_dead_letters::SCHEMA,
        esteira_erasure::SCHEMA,
    ]
}

pub async fn migrate(db: &Db) -> anyhow::Result<()> {
    schema::migrate(db, &schemas()).await.context("the write store cannot be brought up")
}
