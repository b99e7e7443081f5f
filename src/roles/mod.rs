//! The roles of a process, one file each: wiring only.

mod console;
mod dispatcher;
pub mod orders;
pub mod products;
mod projector;
mod query;
pub mod users;

use esteira_config::Settings;

use crate::platform::Platform;

/// A part of the platform that can be a process of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Users,
    Products,
    Orders,
    Query,
    Dispatcher,
    Projector,
    Console,
}

impl Role {
    pub const ALL: [Self; 7] = [
        Self::Users,
        Self::Products,
        Self::Orders,
        Self::Dispatcher,
        Self::Projector,
        Self::Query,
        Self::Console,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Users => "user-service",
            Self::Products => "product-service",
            Self::Orders => "order-service",
            Self::Query => "query-service",
            Self::Dispatcher => "dispatcher",
            Self::Projector => "projector",
            Self::Console => "console",
        }
    }

    /// Its port, and the setting that chose it. A role of its own listens on `PORT`; the dispatcher and the projector do
    /// only then, for their health.
    pub fn port(self, settings: &Settings, alone: bool) -> Option<(u16, &'static str)> {
        let own = match self {
            Self::Users => Some((settings.users_port, "ESTEIRA_USERS_PORT")),
            Self::Products => Some((settings.products_port, "ESTEIRA_PRODUCTS_PORT")),
            Self::Orders => Some((settings.orders_port, "ESTEIRA_ORDERS_PORT")),
            Self::Query => Some((settings.query_port, "ESTEIRA_QUERY_PORT")),
            Self::Console => Some((settings.console_port, "ESTEIRA_CONSOLE_PORT")),
            Self::Dispatcher | Self::Projector => None,
        };
        settings.port.filter(|_| alone).map(|port| (port, "PORT")).or(own)
    }
}

/// Starts the tasks of `role`.
pub fn start(role: Role, platform: &mut Platform) -> anyhow::Result<()> {
    match role {
        Role::Users => users::start(platform),
        Role::Products => products::start(platform),
        Role::Orders => orders::start(platform),
        Role::Query => query::start(platform),
        Role::Dispatcher => dispatcher::start(platform),
        Role::Projector => projector::start(platform),
        Role::Console => console::start(platform),
    }
}
