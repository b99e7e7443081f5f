//! The orders service and its reactions.

use std::sync::Arc;

use esteira_orders::{Orders, OrdersApi, PricePolicy, routes};
use esteira_web::ApiInfo;

use super::Role;
use crate::platform::Platform;

pub const API: ApiInfo = ApiInfo {
    title: "Esteira orders",
    description: "Commands for orders, and their history.",
    version: env!("CARGO_PKG_VERSION"),
};

pub fn start(platform: &mut Platform) -> anyhow::Result<()> {
    let db = platform.engines.store()?.clone();
    let price_policy = match platform.settings.price_policy {
        esteira_config::PricePolicy::Trust => PricePolicy::Trust,
        esteira_config::PricePolicy::Catalog => PricePolicy::Catalog,
    };
    let commands = platform.executor(Arc::new(Orders { price_policy }), "order commands")?;
    platform.react(commands.clone(), "order reactions")?;
    platform.serve_commands(Role::Orders, routes(OrdersApi { commands, db }), API);
    Ok(())
}
