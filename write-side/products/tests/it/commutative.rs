//! Creation and cancellation of orders, in every order and any number of times.

use std::collections::{BTreeMap, BTreeSet};

use esteira_aggregate::Aggregate;
use esteira_events::{OrderId, ProductId};
use esteira_products::Product;
use esteira_products::domain::{
    Line, ProductEvent, ReleaseStock, Released, Reservation, ReservationState, ReserveStock, Reserved,
    release, reserve,
};
use esteira_sql::{Money, Timestamp};
use proptest::prelude::*;

use crate::fixture::line;

const ORDERS: i64 = 5;
const PRODUCTS: i64 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Arrival {
    Created(i64),
    Canceled(i64),
}

/// What the service keeps, and what it says.
#[derive(Clone, Debug, Default)]
struct Store {
    products: BTreeMap<ProductId, Product>,
    reservations: BTreeMap<i64, Reservation>,
    reserved: Vec<i64>,
    released: Vec<i64>,
}

impl Store {
    fn with_stock(stock: i64) -> Self {
        let now = Timestamp::now();
        let product =
            Product { name: "Mouse".into(), price: Money::ZERO, stock, created_at: now, updated_at: now };
        let products = (1..=PRODUCTS).map(|id| (ProductId(id), product.clone())).collect();
        Self { products, ..Self::default() }
    }

    fn arrive(&mut self, arrival: Arrival, items: &BTreeMap<i64, Vec<Line>>) {
        match arrival {
            Arrival::Created(order) => {
                let command = ReserveStock { order_id: OrderId(order), items: items[&order].clone() };
                match reserve(&command, self.reservations.get(&order), |id| self.products.get(&id)) {
                    Reserved::Already => {}
                    Reserved::Yes { reservation, events } => {
                        self.apply(events);
                        self.reserved.push(order);
                        self.reservations.insert(order, reservation);
                    }
                    Reserved::No { reservation, .. } => {
                        self.reservations.insert(order, reservation);
                    }
                }
            }
            Arrival::Canceled(order) => {
                let command = ReleaseStock { order_id: OrderId(order) };
                match release(&command, self.reservations.get(&order), |id| self.products.get(&id)) {
                    Released::Already => {}
                    Released::Tombstone(reservation) => {
                        self.reservations.insert(order, reservation);
                    }
                    Released::Yes { reservation, events } => {
                        self.apply(events);
                        self.released.push(order);
                        self.reservations.insert(order, reservation);
                    }
                }
            }
        }
    }

    fn apply(&mut self, events: Vec<(ProductId, ProductEvent)>) {
        for (id, event) in events {
            let product = Product::evolve(self.products.remove(&id), &event, Timestamp::now()).unwrap();
            assert!(product.stock >= 0, "oversold by {event:?}");
            self.products.insert(id, product);
        }
    }

    fn stocks(&self) -> Vec<i64> {
        self.products.values().map(|product| product.stock).collect()
    }

    fn states(&self) -> BTreeMap<i64, ReservationState> {
        self.reservations.iter().map(|(order, reservation)| (*order, reservation.state)).collect()
    }

    /// What is on the shelf and what is held for orders are what there was.
    fn assert_nothing_lost(&self, stock: i64) {
        let mut total = self.stocks();
        for reservation in self.reservations.values().filter(|held| held.state == ReservationState::Reserved)
        {
            for line in &reservation.lines {
                total[usize::try_from(line.product_id.0).unwrap() - 1] += line.quantity;
            }
        }
        assert!(total.iter().all(|total| *total == stock), "{total:?}");
        let once: BTreeSet<_> = self.released.iter().collect();
        assert_eq!(once.len(), self.released.len(), "released once");
        assert!(
            self.released.iter().all(|order| self.reserved.contains(order)),
            "released what was reserved"
        );
    }
}

fn items() -> impl Strategy<Value = BTreeMap<i64, Vec<Line>>> {
    let lines = || proptest::collection::vec((1..=PRODUCTS, 0..4_i64), 1..4);
    proptest::collection::vec(lines(), usize::try_from(ORDERS).unwrap()).prop_map(|orders| {
        let lines =
            |lines: Vec<(i64, i64)>| lines.into_iter().map(|(id, quantity)| line(id, quantity)).collect();
        (1..).zip(orders.into_iter().map(lines)).collect()
    })
}

fn arrivals() -> impl Strategy<Value = Vec<Arrival>> {
    let arrival =
        prop_oneof![(1..=ORDERS).prop_map(Arrival::Created), (1..=ORDERS).prop_map(Arrival::Canceled)];
    proptest::collection::vec(arrival, 0..40)
}

/// Some arrivals, and the same ones in another order and with others of them twice.
fn the_same_otherwise() -> impl Strategy<Value = (Vec<Arrival>, Vec<Arrival>)> {
    arrivals().prop_flat_map(|first| {
        let distinct: Vec<Arrival> = BTreeSet::from_iter(first.clone()).into_iter().collect();
        let most = distinct.len() * 2;
        let repeated = proptest::sample::subsequence(distinct.repeat(2), distinct.len()..=most);
        (Just(first), repeated.prop_shuffle(), Just(distinct).prop_shuffle()).prop_map(
            |(first, mut second, all)| {
                second.extend(all);
                (first, second)
            },
        )
    })
}

proptest! {
    #[test]
    fn stock_is_neither_lost_nor_oversold(stock in 0..8_i64, items in items(), arrivals in arrivals()) {
        let mut store = Store::with_stock(stock);
        for arrival in arrivals {
            store.arrive(arrival, &items);
            store.assert_nothing_lost(stock);
        }
    }

    #[test]
    fn with_stock_for_all_every_order_of_arrival_ends_alike(items in items(), (first, second) in the_same_otherwise()) {
        let ends = [first, second].map(|arrivals| {
            let mut store = Store::with_stock(1_000);
            for arrival in arrivals {
                store.arrive(arrival, &items);
            }
            (store.stocks(), store.states())
        });
        prop_assert_eq!(&ends[0], &ends[1]);
    }

    #[test]
    fn when_all_are_cancelled_all_is_back(stock in 0..8_i64, items in items(), mut arrivals in arrivals()) {
        arrivals.extend((1..=ORDERS).map(Arrival::Canceled));
        let mut store = Store::with_stock(stock);
        for arrival in arrivals {
            store.arrive(arrival, &items);
        }
        prop_assert!(store.stocks().into_iter().all(|left| left == stock));
        prop_assert!(store.states().into_values().all(|state| state != ReservationState::Reserved));
    }
}
