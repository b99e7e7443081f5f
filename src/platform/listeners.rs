//! Ports, bound before anything else.

use esteira_config::Settings;
use esteira_web::bind;
use tokio::net::TcpListener;

use crate::roles::Role;

/// The bound port of each role that has one.
#[derive(Debug)]
pub struct Listeners(pub Vec<(Role, TcpListener)>);

impl Listeners {
    /// A role of its own listens on `PORT`; the dispatcher and the projector do only then, for their health.
    pub async fn bind(settings: &Settings, roles: &[Role]) -> anyhow::Result<Self> {
        let alone = roles.len() == 1;
        let mut bound = Vec::new();
        for role in roles {
            let own = match role {
                Role::Users => Some((settings.users_port, "ESTEIRA_USERS_PORT")),
                Role::Products => Some((settings.products_port, "ESTEIRA_PRODUCTS_PORT")),
                Role::Orders => Some((settings.orders_port, "ESTEIRA_ORDERS_PORT")),
                Role::Query => Some((settings.query_port, "ESTEIRA_QUERY_PORT")),
                Role::Console => Some((settings.console_port, "ESTEIRA_CONSOLE_PORT")),
                Role::Dispatcher | Role::Projector => None,
            };
            let chosen = settings.port.filter(|_| alone).map(|port| (port, "PORT")).or(own);
            if let Some((port, setting)) = chosen {
                bound.push((*role, bind(&settings.host, port, setting).await?));
            }
        }
        Ok(Self(bound))
    }
}
