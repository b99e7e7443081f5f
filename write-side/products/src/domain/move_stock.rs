//! Moving stock: a delivery, a loss, a correction.

use esteira_events::ProductId;

use super::{Product, ProductEvent, ProductRejected, STOCK_MAX};

/// Adds `delta`, which may be negative, to the stock.
#[derive(Clone, Debug)]
pub struct MoveStock {
    pub id: ProductId,
    pub delta: i64,
}

/// Decides whether the stock may move: it never falls below 0. A delta of 0 is no event.
pub fn move_stock(product: &Product, command: &MoveStock) -> Result<Option<ProductEvent>, ProductRejected> {
    let refused = ProductRejected::StockOutOfRange { stock: product.stock, delta: command.delta };
    let stock = product
        .stock
        .checked_add(command.delta)
        .filter(|stock| (0..=STOCK_MAX).contains(stock))
        .ok_or(refused)?;
    let moved = || ProductEvent::Updated { name: product.name.clone(), price: product.price, stock };
    Ok((command.delta != 0).then(moved))
}

#[cfg(test)]
mod tests {
    use esteira_sql::{Money, Timestamp};

    use super::*;

    fn moved(stock: i64, delta: i64) -> Result<Option<i64>, ProductRejected> {
        let now = Timestamp::now();
        let product =
            Product { name: "Mouse".into(), price: Money::ZERO, stock, created_at: now, updated_at: now };
        let event = move_stock(&product, &MoveStock { id: ProductId(1), delta })?;
        Ok(event.map(|event| match event {
            ProductEvent::Updated { stock, .. } => stock,
            other @ (ProductEvent::Created { .. }
            | ProductEvent::Reserved { .. }
            | ProductEvent::Released { .. }
            | ProductEvent::Deleted) => panic!("{other:?}"),
        }))
    }

    #[test]
    fn stock_moves_by_its_delta() {
        assert_eq!(moved(5, 3), Ok(Some(8)));
        assert_eq!(moved(5, -5), Ok(Some(0)));
        assert_eq!(moved(5, 0), Ok(None));
    }

    #[test]
    fn stock_stays_between_0_and_its_limit() {
        assert!(moved(5, -6).is_err());
        assert!(moved(5, STOCK_MAX).is_err());
        assert!(moved(5, i64::MAX).is_err());
        assert!(moved(5, i64::MIN).is_err());
    }
}
