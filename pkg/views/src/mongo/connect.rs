use std::time::Duration;

use mongodb::Client;
use mongodb::options::{Acknowledgment, ClientOptions, ReadConcern, Tls, WriteConcern};

use super::MongoViews;
use crate::port::error::ViewsError;

/// The database when the URI names none, as in the Go services.
const DATABASE: &str = "ecommerce";
/// How long a call looks for a server that takes writes before it says that there is none.
const SERVER_SELECTION: Duration = Duration::from_secs(4);
const CONNECT: Duration = Duration::from_secs(3);

impl MongoViews {
    /// Reads `uri` (`mongodb://`, or with feature `mongodb-srv` also `mongodb+srv://`; the path names the database)
    /// without connecting yet.
    ///
    /// Fails with [`ViewsError::Rejected`] when the URI is wrong. What the URI itself says about timeouts and
    /// concerns wins over the defaults here.
    pub async fn connect(uri: &str) -> Result<Self, ViewsError> {
        let mut options = ClientOptions::parse(uri).await?;
        options.app_name.get_or_insert_with(|| "esteira".to_owned());
        options.server_selection_timeout.get_or_insert(SERVER_SELECTION);
        options.connect_timeout.get_or_insert(CONNECT);
        options.write_concern.get_or_insert_with(durable);
        // The gate decides by what it reads, so that it must not read what a failover may take back.
        options.read_concern.get_or_insert_with(ReadConcern::majority);
        let name = options.default_database.clone().unwrap_or_else(|| DATABASE.to_owned());
        let hosts: Vec<_> = options.hosts.iter().map(ToString::to_string).collect();
        let address = format!("mongodb://{}/{name}", hosts.join(","));
        let encrypted = matches!(options.tls, Some(Tls::Enabled(_)));
        let database = Client::with_options(options)?.database(&name);
        Ok(Self { database, address, encrypted })
    }

    /// Whether connections are TLS.
    pub fn is_encrypted(&self) -> bool {
        self.encrypted
    }
}

/// Acknowledged by the majority, and in its journal.
pub(super) fn durable() -> WriteConcern {
    WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build()
}
