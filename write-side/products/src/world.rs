//! What a batch of product commands touches, evolving as the batch is decided.

use std::collections::{BTreeMap, HashSet};

use esteira_aggregate::{Aggregates, Cause, Slot};
use esteira_events::{OrderId, Payload, ProductId, Shortage, StockRejected};
use esteira_outbox::NewEvent;
use esteira_sql::Timestamp;

use crate::domain::{
    self, CreateProduct, DeleteProduct, MoveStock, Product, ProductEvent, ProductRejected, ReleaseStock,
    Released, Reservation, ReserveStock, Reserved, UpdateProduct,
};

/// Products and reservations of one batch.
pub struct World {
    pub(crate) at: Timestamp,
    pub(crate) products: Aggregates<Product>,
    pub(crate) with_orders: HashSet<i64>,
    pub(crate) reservations: BTreeMap<OrderId, Held>,
    pub(crate) rejections: Vec<(StockRejected, Cause)>,
}

/// A reservation, and whether its row is there and as it was loaded.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) reservation: Reservation,
    pub(crate) stored: bool,
    pub(crate) changed: bool,
}

impl World {
    pub(crate) fn create(&mut self, command: &CreateProduct, cause: &Cause) -> Slot {
        self.products.create([domain::create(command)], cause)
    }

    pub(crate) fn update(&mut self, command: &UpdateProduct, cause: &Cause) -> Result<Slot, ProductRejected> {
        let (slot, product) = self.find(command.id)?;
        let updated = domain::update(product, command);
        self.products.apply(slot, updated, cause);
        Ok(slot)
    }

    pub(crate) fn move_stock(&mut self, command: &MoveStock, cause: &Cause) -> Result<Slot, ProductRejected> {
        let (slot, product) = self.find(command.id)?;
        let moved = domain::move_stock(product, command)?;
        self.products.apply(slot, moved, cause);
        Ok(slot)
    }

    pub(crate) fn delete(&mut self, command: &DeleteProduct, cause: &Cause) -> Result<Slot, ProductRejected> {
        let (slot, _) = self.find(command.id)?;
        let deleted = domain::delete(command, self.with_orders.contains(&command.id.0))?;
        self.products.apply(slot, [deleted], cause);
        Ok(slot)
    }

    pub(crate) fn reserve(&mut self, command: &ReserveStock, cause: &Cause) {
        match domain::reserve(command, self.known(command.order_id), |id| self.product(id)) {
            Reserved::Already => {}
            Reserved::Yes { reservation, events } => {
                self.apply(events, cause);
                self.hold(command.order_id, reservation);
            }
            Reserved::No { reservation, shortages } => {
                self.reject(command.order_id, shortages, cause);
                self.hold(command.order_id, reservation);
            }
        }
    }

    pub(crate) fn release(&mut self, command: &ReleaseStock, cause: &Cause) {
        match domain::release(command, self.known(command.order_id), |id| self.product(id)) {
            Released::Already => {}
            Released::Tombstone(reservation) => self.hold(command.order_id, reservation),
            Released::Yes { reservation, events } => {
                self.apply(events, cause);
                self.hold(command.order_id, reservation);
            }
        }
    }

    pub(crate) fn take_events(&mut self) -> Vec<NewEvent> {
        let mut events = self.products.take_events();
        let rejected = |(rejected, cause): (StockRejected, Cause)| NewEvent {
            payload: Payload::StockRejected(rejected),
            // A reservation is rejected at most once, and no other event is its own.
            sequence: 1,
            occurred_at: self.at,
            trace: cause.trace,
        };
        events.extend(self.rejections.drain(..).map(rejected));
        events
    }

    fn find(&self, id: ProductId) -> Result<(Slot, &Product), ProductRejected> {
        self.products.find(id.0).ok_or(ProductRejected::NotFound { id })
    }

    fn product(&self, id: ProductId) -> Option<&Product> {
        self.products.find(id.0).map(|(_, product)| product)
    }

    fn known(&self, order_id: OrderId) -> Option<&Reservation> {
        self.reservations.get(&order_id).map(|held| &held.reservation)
    }

    fn apply(&mut self, events: Vec<(ProductId, ProductEvent)>, cause: &Cause) {
        for (id, event) in events {
            if let Some((slot, _)) = self.products.find(id.0) {
                self.products.apply(slot, [event], cause);
            }
        }
    }

    fn hold(&mut self, order_id: OrderId, reservation: Reservation) {
        let stored = self.reservations.get(&order_id).is_some_and(|held| held.stored);
        self.reservations.insert(order_id, Held { reservation, stored, changed: true });
    }

    fn reject(&mut self, order_id: OrderId, items: Vec<Shortage>, cause: &Cause) {
        self.rejections.push((StockRejected { order_id, items }, *cause));
    }
}
