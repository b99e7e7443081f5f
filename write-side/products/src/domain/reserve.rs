//! Reserving an order's stock: all items together or none.

use std::collections::BTreeMap;

use esteira_events::{OrderId, ProductId, Shortage};

use super::{Line, Product, ProductEvent, Reservation, ReservationState};

/// Reserves the stock of a new order.
#[derive(Clone, Debug)]
pub struct ReserveStock {
    pub order_id: OrderId,
    pub items: Vec<Line>,
}

/// What a reservation comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reserved {
    /// It was decided before, or the order was cancelled before it came.
    Already,
    Yes {
        reservation: Reservation,
        events: Vec<(ProductId, ProductEvent)>,
    },
    No {
        reservation: Reservation,
        shortages: Vec<Shortage>,
    },
}

/// Decides a reservation from what is known of it and of the products.
pub fn reserve<'p>(
    command: &ReserveStock,
    known: Option<&Reservation>,
    product: impl Fn(ProductId) -> Option<&'p Product>,
) -> Reserved {
    if known.is_some() {
        return Reserved::Already;
    }
    let lines = merged(&command.items);
    let available = |line: &Line| product(line.product_id).map_or(0, |product| product.stock);
    let shortages: Vec<Shortage> = lines
        .iter()
        .filter(|line| available(line) < line.quantity)
        .map(|line| Shortage {
            product_id: line.product_id,
            requested: line.quantity,
            available: available(line),
        })
        .collect();
    if !shortages.is_empty() {
        return Reserved::No {
            reservation: Reservation { state: ReservationState::Rejected, lines },
            shortages,
        };
    }
    let event = |line: &Line| {
        let stock = available(line) - line.quantity;
        (
            line.product_id,
            ProductEvent::Reserved { order_id: command.order_id, quantity: line.quantity, stock },
        )
    };
    let events = lines.iter().map(event).collect();
    Reserved::Yes { reservation: Reservation { state: ReservationState::Reserved, lines }, events }
}

/// One line a product, ascending. Go orders may name a product twice, or ask for nothing of it.
fn merged(items: &[Line]) -> Vec<Line> {
    let mut quantities: BTreeMap<ProductId, i64> = BTreeMap::new();
    for line in items.iter().filter(|line| line.quantity > 0) {
        let quantity = quantities.entry(line.product_id).or_default();
        *quantity = quantity.saturating_add(line.quantity);
    }
    quantities.into_iter().map(|(product_id, quantity)| Line { product_id, quantity }).collect()
}

#[cfg(test)]
mod tests {
    use esteira_sql::{Money, Timestamp};

    use super::*;

    fn product(stock: i64) -> Product {
        let now = Timestamp::now();
        Product { name: "Mouse".into(), price: Money::ZERO, stock, created_at: now, updated_at: now }
    }

    fn line(product: i64, quantity: i64) -> Line {
        Line { product_id: ProductId(product), quantity }
    }

    fn order(items: Vec<Line>) -> ReserveStock {
        ReserveStock { order_id: OrderId(7), items }
    }

    #[test]
    fn every_item_is_reserved() {
        let stock = product(5);
        let Reserved::Yes { events, .. } =
            reserve(&order(vec![line(2, 2), line(1, 5)]), None, |_| Some(&stock))
        else {
            panic!("not reserved")
        };
        let reserved = |quantity, stock| ProductEvent::Reserved { order_id: OrderId(7), quantity, stock };
        assert_eq!(events, [(ProductId(1), reserved(5, 0)), (ProductId(2), reserved(2, 3))]);
    }

    #[test]
    fn one_missing_item_rejects_all() {
        let stock = product(5);
        let decided = reserve(&order(vec![line(1, 1), line(2, 6)]), None, |_| Some(&stock));
        let Reserved::No { shortages, .. } = decided else { panic!("reserved") };
        assert_eq!(shortages, [Shortage { product_id: ProductId(2), requested: 6, available: 5 }]);
    }

    #[test]
    fn the_same_product_twice_counts_together() {
        let stock = product(5);
        assert!(matches!(
            reserve(&order(vec![line(1, 3), line(1, 3)]), None, |_| Some(&stock)),
            Reserved::No { .. }
        ));
    }

    #[test]
    fn a_product_that_is_not_there_has_none_to_give() {
        assert!(matches!(reserve(&order(vec![line(1, 1)]), None, |_| None), Reserved::No { .. }));
    }

    #[test]
    fn a_decided_or_cancelled_order_is_left_alone() {
        let stock = product(5);
        for state in [ReservationState::Reserved, ReservationState::Rejected, ReservationState::Released] {
            let known = Reservation { state, lines: vec![] };
            assert_eq!(reserve(&order(vec![line(1, 1)]), Some(&known), |_| Some(&stock)), Reserved::Already);
        }
    }
}
