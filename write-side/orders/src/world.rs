//! What a batch of order commands touches, evolving as the batch is decided.

use std::collections::HashMap;

use esteira_aggregate::{Aggregates, Cause, Slot};
use esteira_events::{ProductData, ProductId, UserData, UserId};

use crate::domain::{self, CreateOrder, Order, OrderEvent, OrderRejected, PricePolicy};
use crate::service::OrderChange;

/// Orders of one batch, and the users and products that they refer to.
pub struct World {
    pub(crate) orders: Aggregates<Order>,
    pub(crate) users: HashMap<UserId, UserData>,
    pub(crate) products: HashMap<ProductId, ProductData>,
}

impl World {
    pub(crate) fn create(
        &mut self,
        command: &CreateOrder,
        policy: PricePolicy,
        cause: &Cause,
    ) -> Result<Slot, OrderRejected> {
        let user = self.users.get(&command.user_id);
        let created = domain::create(command, policy, user, |id| self.products.get(&id))?;
        Ok(self.orders.create([created], cause))
    }

    pub(crate) fn change(&mut self, change: &OrderChange, cause: &Cause) -> Result<Slot, OrderRejected> {
        let id = change.order_id();
        let (slot, order) = self.orders.find(id.0).ok_or(OrderRejected::NotFound { id })?;
        let event: Option<OrderEvent> = match change {
            OrderChange::Pay(command) => Some(domain::pay(order, command)?),
            OrderChange::Cancel(command) => Some(domain::cancel(order, command)?),
            OrderChange::SetStatus(command) => domain::set_status(order, command)?,
            OrderChange::Refund(command) => Some(domain::refund(order, command)?),
            OrderChange::Delete(command) => Some(domain::delete(order, command)?),
            OrderChange::StockDecided(decision) => domain::stock_decided(order, decision),
        };
        self.orders.apply(slot, event, cause);
        Ok(slot)
    }
}
