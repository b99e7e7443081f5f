//! Random histories that the services could have written.

use std::collections::BTreeMap;

use esteira_events::{AggregateKind, Event, OrderStatus, Payload, Reservation};
use proptest::prelude::*;

use crate::events::{
    event, moved, order_canceled, order_created, order_deleted, order_paid, order_updated, product_created,
    product_deleted, product_updated, user_created, user_data, user_deleted, user_updated,
};

/// What a service is asked to do: the kind of thing, to which, and how.
pub(crate) type Step = (u8, i64, u8);

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((0..10_u8, 1..4_i64, any::<u8>()), 5..60)
}

/// The events of `steps`; a step that the state does not allow leaves none.
pub(crate) fn written(steps: &[Step]) -> Vec<Event> {
    let mut writer = Writer::default();
    for step in steps {
        writer.step(*step);
    }
    writer.events
}

#[derive(Default)]
struct Writer {
    events: Vec<Event>,
    /// The version of all that is there, or was.
    versions: BTreeMap<(AggregateKind, i64), i64>,
    names: BTreeMap<i64, String>,
    orders: BTreeMap<i64, (i64, OrderStatus)>,
    stock: BTreeMap<i64, i64>,
    ids: i64,
}

impl Writer {
    fn step(&mut self, (what, which, how): Step) {
        match what {
            0 => self.create_user(),
            1 => self.update_user(which, how),
            2 => self.delete_user(which),
            3 => self.create_product(how),
            4 => self.change_product(which, how),
            5 | 6 => self.order(which, how),
            7 | 8 => self.progress(which, how),
            _ => self.delete_order(which),
        }
    }

    fn push(&mut self, payload: Payload) {
        let key = (payload.event_type().aggregate(), payload.aggregate_id());
        let version = self.versions.entry(key).or_default();
        *version += 1;
        self.events.push(event(*version, payload));
    }

    fn next_id(&mut self) -> i64 {
        self.ids += 1;
        self.ids
    }

    fn create_user(&mut self) {
        let id = self.next_id();
        self.names.insert(id, format!("user{id}"));
        self.push(user_created(id, &format!("user{id}")));
    }

    fn update_user(&mut self, which: i64, how: u8) {
        let Some(id) = nth(&self.names, which) else { return };
        let name = format!("user{id}v{how}");
        self.names.insert(id, name.clone());
        self.push(user_updated(id, &name));
    }

    /// Users that an order refers to cannot be deleted.
    fn delete_user(&mut self, which: i64) {
        let Some(id) = nth(&self.names, which) else { return };
        if self.orders.values().all(|(user, _)| *user != id) {
            self.names.remove(&id);
            self.push(user_deleted(id));
        }
    }

    fn create_product(&mut self, how: u8) {
        let id = self.next_id();
        self.stock.insert(id, how.into());
        self.push(product_created(id, how.into()));
    }

    fn change_product(&mut self, which: i64, how: u8) {
        let Some(id) = nth(&self.stock, which) else { return };
        let stock = self.stock[&id];
        let quantity = i64::from(how % 5);
        match how % 4 {
            0 => self.push(Payload::StockReserved(moved(id, quantity, Some(stock - quantity)))),
            1 => self.push(Payload::StockReleased(moved(id, quantity, Some(stock + quantity)))),
            2 => self.push(product_updated(id, how.into())),
            _ if how > 200 => {
                self.stock.remove(&id);
                self.push(product_deleted(id));
            }
            _ => {}
        }
    }

    fn order(&mut self, which: i64, how: u8) {
        let Some(user) = nth(&self.names, which) else { return };
        let id = self.next_id();
        self.orders.insert(id, (user, OrderStatus::Created));
        let version = self.versions[&(AggregateKind::User, user)];
        let facet = user_data(user, &self.names[&user], version);
        self.push(order_created(id, user, i64::from(how % 3) + 1, Some(facet)));
    }

    fn progress(&mut self, which: i64, how: u8) {
        let Some(id) = nth(&self.orders, which) else { return };
        let (user, status) = self.orders[&id];
        let (next, mut payload) = match (status, how % 3) {
            (OrderStatus::Created, 0) => (OrderStatus::Paid, order_paid(id)),
            (OrderStatus::Created, 1) => {
                (OrderStatus::Canceled, order_canceled(id, &format!("reason {how}")))
            }
            (OrderStatus::Paid, _) => (OrderStatus::Processing, order_updated(id, OrderStatus::Processing)),
            (OrderStatus::Processing, _) => (OrderStatus::Shipped, order_updated(id, OrderStatus::Shipped)),
            (
                OrderStatus::Created | OrderStatus::Shipped | OrderStatus::Delivered | OrderStatus::Canceled,
                _,
            ) => (status, order_updated(id, status)),
        };
        self.orders.insert(id, (user, next));
        if let Payload::OrderUpdated(updated) = &mut payload {
            updated.reservation = Some(Reservation::Reserved);
        }
        self.push(payload);
    }

    fn delete_order(&mut self, which: i64) {
        let Some(id) = nth(&self.orders, which) else { return };
        if self.orders[&id].1 == OrderStatus::Canceled {
            self.orders.remove(&id);
            self.push(order_deleted(id));
        }
    }
}

fn nth<V>(map: &BTreeMap<i64, V>, which: i64) -> Option<i64> {
    let place = usize::try_from(which).unwrap() % map.len().max(1);
    map.keys().nth(place).copied()
}
