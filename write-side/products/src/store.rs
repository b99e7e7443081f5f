//! All SQL of the products service.

mod products;
mod reservations;

use std::collections::BTreeSet;

use esteira_aggregate::{Aggregates, WriteError};
use esteira_sql::{Conn, Timestamp};

use crate::service::ProductCommand;
use crate::world::World;

pub use products::{ProductRow, find, list};

/// Loads and locks what a batch touches: reservations first, since they name the products to release.
pub async fn load(
    conn: &mut Conn<'_>,
    commands: &[&ProductCommand],
    at: Timestamp,
) -> Result<World, sqlx::Error> {
    let (mut orders, mut ids, mut deleted) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for command in commands {
        ids.extend(command.product_id());
        match command {
            ProductCommand::Reserve(command) => {
                orders.insert(command.order_id.0);
                ids.extend(command.items.iter().map(|line| line.product_id.0));
            }
            ProductCommand::Release(command) => {
                orders.insert(command.order_id.0);
            }
            ProductCommand::Delete(command) => deleted.push(command.id.0),
            ProductCommand::Create(_) | ProductCommand::Update(_) | ProductCommand::MoveStock(_) => {}
        }
    }
    let reservations = reservations::load_for_update(conn, &Vec::from_iter(orders)).await?;
    let lines = reservations.values().flat_map(|held| &held.reservation.lines);
    ids.extend(lines.map(|line| line.product_id.0));
    let mut products = Aggregates::new(at);
    for row in products::load_for_update(conn, &Vec::from_iter(ids)).await? {
        products.load(row.id.0, row.version, row.into_state());
    }
    let with_orders = products::with_orders(conn, &deleted).await?;
    Ok(World { at, products, with_orders, reservations, rejections: Vec::new() })
}

/// Writes every change of the batch.
pub async fn write(conn: &mut Conn<'_>, world: &mut World) -> Result<(), WriteError> {
    reservations::write(conn, world).await?;
    products::write(conn, &mut world.products).await
}
