//! The orders service as the batch executor sees it.

use async_trait::async_trait;
use esteira_aggregate::{Cause, Receipt, Service, Snapshot, WriteError};
use esteira_events::OrderId;
use esteira_outbox::NewEvent;
use esteira_sql::{Conn, Timestamp};

use crate::domain::{
    CancelOrder, CreateOrder, DeleteOrder, Order, OrderRejected, PayOrder, PricePolicy, RefundOrder,
    SetStatus, StockDecision,
};
use crate::store;
use crate::world::World;

/// The orders service.
#[derive(Debug)]
pub struct Orders {
    pub price_policy: PricePolicy,
}

/// What may be asked of it.
#[derive(Clone, Debug)]
pub enum OrderCommand {
    Create(CreateOrder),
    Change(OrderChange),
}

/// What may be asked of an order that is there, by clients and by events.
#[derive(Clone, Debug)]
pub enum OrderChange {
    Pay(PayOrder),
    Cancel(CancelOrder),
    SetStatus(SetStatus),
    Refund(RefundOrder),
    Delete(DeleteOrder),
    StockDecided(StockDecision),
}

impl OrderChange {
    pub(crate) fn order_id(&self) -> OrderId {
        match self {
            Self::Pay(command) => command.id,
            Self::Cancel(command) => command.id,
            Self::SetStatus(command) => command.id,
            Self::Refund(command) => command.id,
            Self::Delete(command) => command.id,
            Self::StockDecided(command) => command.id,
        }
    }
}

#[async_trait]
impl Service for Orders {
    const NAME: &'static str = "order-service";
    type Command = OrderCommand;
    type World = World;
    type Receipt = Receipt<Order>;
    type Outcome = Snapshot<Order>;
    type Rejection = OrderRejected;

    async fn load(
        &self,
        conn: &mut Conn<'_>,
        commands: &[&OrderCommand],
        at: Timestamp,
    ) -> Result<World, sqlx::Error> {
        store::load(conn, commands, at).await
    }

    fn version(&self, world: &World, command: &OrderCommand) -> Option<i64> {
        match command {
            OrderCommand::Create(_) => None,
            OrderCommand::Change(change) => world.orders.version_of(change.order_id().0),
        }
    }

    fn decide(
        &self,
        world: &mut World,
        command: &OrderCommand,
        cause: &Cause,
    ) -> Result<Receipt<Order>, OrderRejected> {
        let slot = match command {
            OrderCommand::Create(command) => world.create(command, self.price_policy, cause),
            OrderCommand::Change(change) => world.change(change, cause),
        }?;
        Ok(world.orders.receipt(slot))
    }

    async fn write(&self, conn: &mut Conn<'_>, world: &mut World) -> Result<(), WriteError> {
        store::write(conn, &mut world.orders).await
    }

    fn take_events(&self, world: &mut World) -> Vec<NewEvent> {
        world.orders.take_events()
    }

    fn outcome(&self, world: &World, receipt: Receipt<Order>) -> Snapshot<Order> {
        world.orders.snapshot(receipt)
    }

    fn taken(&self, _command: &OrderCommand) -> Option<OrderRejected> {
        None
    }

    /// What is answered 400 may be mended, or another event may make it possible.
    fn is_kept(rejection: &OrderRejected) -> bool {
        match rejection {
            OrderRejected::NotFound { .. }
            | OrderRejected::UserNotFound { .. }
            | OrderRejected::ProductNotFound { .. }
            | OrderRejected::PriceDiffers { .. }
            | OrderRejected::NoRefundDue { .. }
            | OrderRejected::NotDeletable { .. }
            | OrderRejected::RefundStillDue { .. } => true,
            OrderRejected::PricesDiffer { .. }
            | OrderRejected::QuantityTooLarge { .. }
            | OrderRejected::TotalTooLarge
            | OrderRejected::CannotPay { .. }
            | OrderRejected::CannotCancel { .. }
            | OrderRejected::CannotBecome { .. }
            | OrderRejected::NotReserved { .. } => false,
        }
    }
}
