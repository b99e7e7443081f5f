//! The products service as the batch executor sees it.

use async_trait::async_trait;
use esteira_aggregate::{Cause, Receipt, Service, Snapshot, WriteError};
use esteira_outbox::NewEvent;
use esteira_sql::{Conn, Timestamp};

use crate::domain::{
    CreateProduct, DeleteProduct, MoveStock, Product, ProductRejected, ReleaseStock, ReserveStock,
    UpdateProduct,
};
use crate::store;
use crate::world::World;

/// The products service.
#[derive(Debug)]
pub struct Products;

/// What may be asked of it, by clients and by events.
#[derive(Clone, Debug)]
pub enum ProductCommand {
    Create(CreateProduct),
    Update(UpdateProduct),
    MoveStock(MoveStock),
    Delete(DeleteProduct),
    Reserve(ReserveStock),
    Release(ReleaseStock),
}

impl ProductCommand {
    /// The product that a client's command changes.
    pub(crate) fn product_id(&self) -> Option<i64> {
        match self {
            Self::Update(command) => Some(command.id.0),
            Self::MoveStock(command) => Some(command.id.0),
            Self::Delete(command) => Some(command.id.0),
            Self::Create(_) | Self::Reserve(_) | Self::Release(_) => None,
        }
    }
}

#[async_trait]
impl Service for Products {
    const NAME: &'static str = "product-service";
    type Command = ProductCommand;
    type World = World;
    /// Reactions answer nobody.
    type Receipt = Option<Receipt<Product>>;
    type Outcome = Option<Snapshot<Product>>;
    type Rejection = ProductRejected;

    async fn load(
        &self,
        conn: &mut Conn<'_>,
        commands: &[&ProductCommand],
        at: Timestamp,
    ) -> Result<World, sqlx::Error> {
        store::load(conn, commands, at).await
    }

    fn version(&self, world: &World, command: &ProductCommand) -> Option<i64> {
        world.products.version_of(command.product_id()?)
    }

    fn decide(
        &self,
        world: &mut World,
        command: &ProductCommand,
        cause: &Cause,
    ) -> Result<Option<Receipt<Product>>, ProductRejected> {
        let slot = match command {
            ProductCommand::Create(command) => world.create(command, cause),
            ProductCommand::Update(command) => world.update(command, cause)?,
            ProductCommand::MoveStock(command) => world.move_stock(command, cause)?,
            ProductCommand::Delete(command) => world.delete(command, cause)?,
            ProductCommand::Reserve(command) => {
                world.reserve(command, cause);
                return Ok(None);
            }
            ProductCommand::Release(command) => {
                world.release(command, cause);
                return Ok(None);
            }
        };
        Ok(Some(world.products.receipt(slot)))
    }

    async fn write(&self, conn: &mut Conn<'_>, world: &mut World) -> Result<(), WriteError> {
        store::write(conn, world).await
    }

    fn take_events(&self, world: &mut World) -> Vec<NewEvent> {
        world.take_events()
    }

    fn outcome(&self, world: &World, receipt: Option<Receipt<Product>>) -> Option<Snapshot<Product>> {
        receipt.map(|receipt| world.products.snapshot(receipt))
    }

    fn taken(&self, _command: &ProductCommand) -> Option<ProductRejected> {
        None
    }

    fn is_kept(rejection: &ProductRejected) -> bool {
        match rejection {
            ProductRejected::NotFound { .. }
            | ProductRejected::HasOrders { .. }
            | ProductRejected::StockOutOfRange { .. } => true,
        }
    }
}
