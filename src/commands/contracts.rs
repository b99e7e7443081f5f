//! The contracts as documents: what `docs/api` has.

use clap::ValueEnum;
use esteira_web::document;

use super::print::print_json;
use crate::exit::Exit;
use crate::roles::{orders, products, users};

/// A service with an API of its own.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ApiName {
    Users,
    Products,
    Orders,
    Query,
}

pub fn openapi(service: ApiName) -> anyhow::Result<Exit> {
    print_json(&match service {
        ApiName::Users => document(esteira_users::described(), users::API),
        ApiName::Products => document(esteira_products::described(), products::API),
        ApiName::Orders => document(esteira_orders::described(), orders::API),
        ApiName::Query => document(esteira_query_api::described(), esteira_query_api::API),
    })
}

pub fn asyncapi() -> anyhow::Result<Exit> {
    print_json(&esteira_events::asyncapi(env!("CARGO_PKG_VERSION")))
}
