use esteira_sql::Money;
use esteira_views::{Filter, Scalar};

use super::params::Params;

/// The Go services computed with doubles: 269.70 may be stored as 269.70000000000005.
const LESS_THAN_A_CENT: f64 = 0.001;

/// The filter of two parameters that bound the amount at `path`, both included.
pub(crate) fn amounts(params: &mut Params, path: &str, min: &str, max: &str) -> Option<Filter> {
    let (from, to) = (params.amount(min), params.amount(max));
    params.ordered((min, from), (max, to));
    let bounded = from.is_some() || to.is_some();
    let bound =
        |amount: Option<Money>, slack: f64| amount.map(|amount| Scalar::Double(amount.to_f64() + slack));
    bounded.then(|| Filter::Range {
        path: path.to_owned(),
        from: bound(from, -LESS_THAN_A_CENT),
        to: bound(to, LESS_THAN_A_CENT),
    })
}
