//! The products service and its reactions.

use std::sync::Arc;

use esteira_products::{Products, ProductsApi, routes};
use esteira_web::ApiInfo;

use super::Role;
use crate::platform::Platform;

pub const API: ApiInfo = ApiInfo {
    title: "Esteira products",
    description: "Commands for products and their stock, and their history.",
    version: env!("CARGO_PKG_VERSION"),
};

pub fn start(platform: &mut Platform) -> anyhow::Result<()> {
    let db = platform.engines.store()?.clone();
    let commands = platform.executor(Arc::new(Products), "product commands")?;
    platform.react(commands.clone(), "product reactions")?;
    platform.serve_commands(Role::Products, routes(ProductsApi { commands, db }), API);
    Ok(())
}
