//! All SQL of the orders service.

mod orders;
mod read;
mod referred;
mod row;

use std::collections::BTreeSet;

use esteira_aggregate::Aggregates;
use esteira_sql::{Conn, Timestamp};

use crate::domain::Order;
use crate::service::OrderCommand;
use crate::world::World;

pub use orders::write;
pub use read::{find, list};
pub use row::StoredOrder;

/// Loads and locks what a batch touches: orders for the update, then users and products shared.
pub async fn load(
    conn: &mut Conn<'_>,
    commands: &[&OrderCommand],
    at: Timestamp,
) -> Result<World, sqlx::Error> {
    let (mut ids, mut users, mut products) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for command in commands {
        match command {
            OrderCommand::Change(change) => {
                ids.insert(change.order_id().0);
            }
            OrderCommand::Create(create) => {
                users.insert(create.user_id.0);
                products.extend(create.items.iter().map(|item| item.product_id.0));
            }
        }
    }
    let mut orders: Aggregates<Order> = Aggregates::new(at);
    for stored in orders::load_for_update(conn, &Vec::from_iter(ids)).await? {
        orders.load(stored.id.0, stored.version, stored.order);
    }
    let users = referred::users(conn, &Vec::from_iter(users)).await?;
    let products = referred::products(conn, &Vec::from_iter(products)).await?;
    Ok(World { orders, users, products })
}
