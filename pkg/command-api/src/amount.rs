//! Amounts of money in bodies.

use esteira_sql::Money;
use esteira_web::Fields;

/// An amount of `least` or more with at most two decimals; 0 stands for a refused one, which `fields` reports.
pub fn amount(fields: &mut Fields, field: impl Into<String>, value: f64, least: Money) -> Money {
    let amount = Money::from_f64(value).ok().filter(|amount| *amount >= least);
    let allowed = format!("must be an amount from {least} to {} with at most two decimals", Money::MAX);
    fields.check(amount.is_some(), field, value, allowed);
    amount.unwrap_or(Money::ZERO)
}
