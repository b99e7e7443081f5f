//! Creating an order.

use std::collections::BTreeMap;

use esteira_events::{ItemData, ProductData, ProductId, UserData, UserId};
use esteira_sql::Money;

use super::{OrderEvent, OrderRejected};

/// The most of one product in one order: the Go tables' `INT`.
pub const QUANTITY_MAX: i64 = 2_147_483_647;

/// Whose price an order takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PricePolicy {
    /// The client's `unit_price` where it gives one, as Go did.
    Trust,
    /// The catalogue's; a `unit_price` that differs is refused.
    Catalog,
}

/// A new order. Quantities are above 0, prices in range.
#[derive(Clone, Debug)]
pub struct CreateOrder {
    pub user_id: UserId,
    pub items: Vec<NewItem>,
}

/// A line as the client gives it.
#[derive(Clone, Copy, Debug)]
pub struct NewItem {
    pub product_id: ProductId,
    pub quantity: i64,
    pub unit_price: Option<Money>,
}

/// Decides an order against its user and its products as they are.
pub fn create<'p>(
    command: &CreateOrder,
    policy: PricePolicy,
    user: Option<&UserData>,
    product: impl Fn(ProductId) -> Option<&'p ProductData>,
) -> Result<OrderEvent, OrderRejected> {
    let user = user.ok_or(OrderRejected::UserNotFound { id: command.user_id })?;
    let mut lines: BTreeMap<ProductId, ItemData> = BTreeMap::new();
    let mut order_of_lines = Vec::new();
    for (index, item) in command.items.iter().enumerate() {
        let product = product(item.product_id)
            .ok_or(OrderRejected::ProductNotFound { line: index, id: item.product_id })?;
        let unit_price = price(index, item, product, policy)?;
        let line = lines.entry(item.product_id).or_insert_with(|| {
            order_of_lines.push(item.product_id);
            ItemData { product_id: item.product_id, quantity: 0, unit_price, product: Some(product.clone()) }
        });
        merge(line, index, item, unit_price)?;
    }
    let items: Vec<ItemData> = order_of_lines.into_iter().filter_map(|id| lines.remove(&id)).collect();
    let total = total(&items).ok_or(OrderRejected::TotalTooLarge)?;
    Ok(OrderEvent::Created { user: user.clone(), items, total })
}

fn price(
    line: usize,
    item: &NewItem,
    product: &ProductData,
    policy: PricePolicy,
) -> Result<Money, OrderRejected> {
    match (item.unit_price, policy) {
        (None, _) => Ok(product.price),
        (Some(given), PricePolicy::Catalog) if given != product.price => {
            Err(OrderRejected::PriceDiffers { line, id: item.product_id, given, catalogue: product.price })
        }
        (Some(given), _) => Ok(given),
    }
}

/// The same product on two lines is one line; Go stored only the first.
fn merge(merged: &mut ItemData, line: usize, item: &NewItem, unit_price: Money) -> Result<(), OrderRejected> {
    let NewItem { product_id: id, quantity, .. } = *item;
    if merged.unit_price != unit_price {
        return Err(OrderRejected::PricesDiffer { line, id, given: unit_price });
    }
    let sum = merged.quantity.saturating_add(quantity);
    if sum > QUANTITY_MAX {
        return Err(OrderRejected::QuantityTooLarge { line, id, quantity, sum });
    }
    merged.quantity = sum;
    Ok(())
}

fn total(items: &[ItemData]) -> Option<Money> {
    items.iter().try_fold(Money::ZERO, |sum, item| sum.plus(item.unit_price.times(item.quantity)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cents(cents: i64) -> Money {
        Money::from_cents(cents).unwrap()
    }

    fn item(product: i64, quantity: i64, unit_price: Option<i64>) -> NewItem {
        NewItem { product_id: ProductId(product), quantity, unit_price: unit_price.map(cents) }
    }

    fn decide(items: Vec<NewItem>, policy: PricePolicy) -> Result<(Vec<(i64, i64)>, Money), OrderRejected> {
        let user = UserData { id: UserId(1), name: "Ana".into(), email: "a@b.co".into(), version: Some(1) };
        let mouse = ProductData { id: ProductId(2), name: "Mouse".into(), price: cents(8_990), stock: 5 };
        let known = |id: ProductId| (id.0 <= 2).then_some(&mouse);
        let created = create(&CreateOrder { user_id: UserId(1), items }, policy, Some(&user), known)?;
        let OrderEvent::Created { items, total, .. } = created else { panic!("{created:?}") };
        Ok((items.iter().map(|item| (item.product_id.0, item.quantity)).collect(), total))
    }

    #[test]
    fn an_absent_price_is_the_catalogues() {
        assert_eq!(decide(vec![item(2, 2, None)], PricePolicy::Trust), Ok((vec![(2, 2)], cents(17_980))));
    }

    #[test]
    fn a_given_price_is_trusted_or_refused_by_policy() {
        assert_eq!(decide(vec![item(2, 1, Some(100))], PricePolicy::Trust), Ok((vec![(2, 1)], cents(100))));
        assert!(matches!(
            decide(vec![item(2, 1, Some(100))], PricePolicy::Catalog),
            Err(OrderRejected::PriceDiffers { .. })
        ));
        assert!(decide(vec![item(2, 1, Some(8_990))], PricePolicy::Catalog).is_ok());
    }

    #[test]
    fn the_same_product_twice_is_one_line() {
        let items = vec![item(2, 1, None), item(1, 4, None), item(2, 2, None)];
        assert_eq!(decide(items, PricePolicy::Trust).unwrap().0, [(2, 3), (1, 4)]);
        assert!(matches!(
            decide(vec![item(2, 1, None), item(2, 1, Some(1))], PricePolicy::Trust),
            Err(OrderRejected::PricesDiffer { .. })
        ));
    }

    #[test]
    fn what_the_tables_cannot_hold_is_refused() {
        let max = Some(9_999_999_999);
        assert!(decide(vec![item(2, 1, max)], PricePolicy::Trust).is_ok());
        assert_eq!(decide(vec![item(2, 2, max)], PricePolicy::Trust), Err(OrderRejected::TotalTooLarge));
        assert_eq!(
            decide(vec![item(1, 1, max), item(2, 1, Some(1))], PricePolicy::Trust),
            Err(OrderRejected::TotalTooLarge)
        );
        assert_eq!(
            decide(vec![item(2, QUANTITY_MAX, Some(0)), item(2, 1, Some(0))], PricePolicy::Trust),
            Err(OrderRejected::QuantityTooLarge {
                line: 1,
                id: ProductId(2),
                quantity: 1,
                sum: QUANTITY_MAX + 1
            })
        );
    }

    #[test]
    fn a_rejection_that_an_earlier_version_kept_is_read() {
        let kept = r#"{"ProductNotFound":{"id":3}}"#;
        let read: OrderRejected = serde_json::from_str(kept).unwrap();
        assert_eq!(read, OrderRejected::ProductNotFound { line: 0, id: ProductId(3) });
    }

    #[test]
    fn unknown_users_and_products_are_named() {
        let unknown = decide(vec![item(3, 1, None)], PricePolicy::Trust);
        assert_eq!(unknown, Err(OrderRejected::ProductNotFound { line: 0, id: ProductId(3) }));
        let command = CreateOrder { user_id: UserId(9), items: vec![] };
        let unknown = create(&command, PricePolicy::Trust, None, |_| None);
        assert_eq!(unknown, Err(OrderRejected::UserNotFound { id: UserId(9) }));
    }
}
