//! Releasing an order's stock: once, in whatever order creation and cancellation arrive.

use esteira_events::{OrderId, ProductId};

use super::{Product, ProductEvent, Reservation, ReservationState};

/// Releases the stock of a cancelled order.
#[derive(Clone, Debug)]
pub struct ReleaseStock {
    pub order_id: OrderId,
}

/// What a release comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Released {
    /// Nothing is held for the order.
    Already,
    /// The cancellation came first: the tombstone keeps the creation from reserving.
    Tombstone(Reservation),
    Yes {
        reservation: Reservation,
        events: Vec<(ProductId, ProductEvent)>,
    },
}

/// Decides a release from what is known of the reservation and of the products.
pub fn release<'p>(
    command: &ReleaseStock,
    known: Option<&Reservation>,
    product: impl Fn(ProductId) -> Option<&'p Product>,
) -> Released {
    let released = |lines| Reservation { state: ReservationState::Released, lines };
    let Some(known) = known else { return Released::Tombstone(released(Vec::new())) };
    match known.state {
        ReservationState::Rejected | ReservationState::Released => Released::Already,
        ReservationState::Reserved => {
            let event = |product: &Product, quantity: i64| ProductEvent::Released {
                order_id: command.order_id,
                quantity,
                stock: product.stock + quantity,
            };
            let events = known
                .lines
                .iter()
                .filter_map(|line| {
                    product(line.product_id).map(|found| (line.product_id, event(found, line.quantity)))
                })
                .collect();
            Released::Yes { reservation: released(known.lines.clone()), events }
        }
    }
}

#[cfg(test)]
mod tests {
    use esteira_sql::{Money, Timestamp};

    use super::super::Line;
    use super::*;

    fn known(state: ReservationState) -> Reservation {
        Reservation { state, lines: vec![Line { product_id: ProductId(1), quantity: 2 }] }
    }

    fn released(known: Option<&Reservation>) -> Released {
        let now = Timestamp::now();
        let product =
            Product { name: "Mouse".into(), price: Money::ZERO, stock: 3, created_at: now, updated_at: now };
        release(&ReleaseStock { order_id: OrderId(7) }, known, |_| Some(&product))
    }

    #[test]
    fn what_was_reserved_comes_back() {
        let Released::Yes { events, .. } = released(Some(&known(ReservationState::Reserved))) else {
            panic!()
        };
        let event = ProductEvent::Released { order_id: OrderId(7), quantity: 2, stock: 5 };
        assert_eq!(events, [(ProductId(1), event)]);
    }

    #[test]
    fn it_comes_back_once() {
        assert_eq!(released(Some(&known(ReservationState::Released))), Released::Already);
        assert_eq!(released(Some(&known(ReservationState::Rejected))), Released::Already);
    }

    #[test]
    fn a_cancellation_that_comes_first_leaves_a_tombstone() {
        assert!(matches!(released(None), Released::Tombstone(_)));
    }
}
