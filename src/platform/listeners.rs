//! Ports, bound before anything else.

use esteira_config::Settings;
use esteira_web::bind;
use tokio::net::TcpListener;

use crate::roles::Role;

/// The bound port of each role that has one.
#[derive(Debug)]
pub struct Listeners(pub Vec<(Role, TcpListener)>);

impl Listeners {
    pub async fn bind(settings: &Settings, roles: &[Role]) -> anyhow::Result<Self> {
        let alone = roles.len() == 1;
        let mut bound = Vec::new();
        for role in roles {
            if let Some((port, setting)) = role.port(settings, alone) {
                bound.push((*role, bind(&settings.host, port, setting).await?));
            }
        }
        Ok(Self(bound))
    }

    /// The ports as they are: of 0 the system has made any free one.
    pub fn ports(&self) -> Vec<(Role, u16)> {
        let port = |(role, listener): &(Role, TcpListener)| Some((*role, listener.local_addr().ok()?.port()));
        self.0.iter().filter_map(port).collect()
    }
}
