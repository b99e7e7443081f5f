//! The HTTP server: binding, connections with limits, and an orderly end.

mod connection;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// What a server and its routes allow.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The most bytes of a request's body.
    pub body: usize,
    /// About the most bytes of a request's head, at least 8,192; beyond is a 431, as are more than 100 headers.
    pub head: usize,
    /// How long a client may take for a request's head; an idle connection is closed after this too.
    pub header: Duration,
    /// How long a handler may take, reading the body included.
    pub request: Duration,
    /// How long a client may read nothing of an answer that waits for it.
    pub write: Duration,
    /// How many connections are served at once; more wait in the listener's backlog.
    pub connections: usize,
    /// How long requests in flight may take to end at shutdown.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 1024 * 1024,
            head: 64 * 1024,
            header: Duration::from_secs(30),
            request: Duration::from_secs(30),
            write: Duration::from_secs(30),
            connections: 2048,
            grace: Duration::from_secs(20),
        }
    }
}

/// Why a server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else listens there.
    #[error("{setting}: {address} is in use by another program: stop it, or set {setting} to a free port")]
    InUse {
        /// `host:port`.
        address: String,
        /// The setting that chose the port.
        setting: String,
    },
    /// Any other refusal by the operating system, or a host without an address.
    #[error("{setting} and ESTEIRA_HOST: cannot listen on {address}")]
    Refused {
        /// `host:port`.
        address: String,
        /// The setting that chose the port.
        setting: String,
        /// What the operating system said.
        source: io::Error,
    },
}

/// Listens on `host:port`; `setting` is the name of the setting that chose the port, for the error.
///
/// # Errors
/// If the port is taken or the address is not ours.
pub async fn bind(host: &str, port: u16, setting: &str) -> Result<TcpListener, BindError> {
    TcpListener::bind((host, port)).await.map_err(|source| {
        let (address, setting) = (format!("{host}:{port}"), setting.to_owned());
        if source.kind() == io::ErrorKind::AddrInUse {
            return BindError::InUse { address, setting };
        }
        BindError::Refused { address, setting, source }
    })
}

/// Serves `router` until `shutdown` ends: then takes no more connections, lets requests in flight end within
/// `limits.grace`, and cuts off the rest. Returns how many connections were cut off.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: &Limits,
    shutdown: impl Future<Output = ()>,
) -> usize {
    let (stop, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let accepting = accept(listener, router, limits, &mut connections, &stopped);
    tokio::select! {
        never = accepting => match never {},
        () = shutdown => {}
    }
    stop.send_replace(true);
    drop(stopped);
    finish(connections, limits.grace).await
}

async fn accept(
    listener: TcpListener,
    router: Router,
    limits: &Limits,
    connections: &mut JoinSet<()>,
    stopped: &watch::Receiver<bool>,
) -> std::convert::Infallible {
    let places = Arc::new(Semaphore::new(limits.connections));
    loop {
        let place = Arc::clone(&places).acquire_owned().await;
        let Some((stream, peer)) = next(&listener).await else { continue };
        let (router, limits, stopped) = (router.clone(), limits.clone(), stopped.clone());
        connections.spawn(async move {
            let _place = place;
            if let Err(error) = connection::serve(stream, peer, router, &limits, stopped).await {
                tracing::debug!(%peer, %error, "connection ended early");
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn next(listener: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
    match listener.accept().await {
        Ok((stream, peer)) => {
            // Answers are small and complete: waiting to fill a packet only delays them.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%peer, %error, "tcp_nodelay refused");
            }
            Some((stream, peer))
        }
        Err(error) if is_of_the_connection(&error) => None,
        Err(error) => {
            // Out of file descriptors, mostly: connections have to end before more can begin.
            tracing::error!(%error, "cannot accept connections");
            sleep(Duration::from_secs(1)).await;
            None
        }
    }
}

fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn finish(mut connections: JoinSet<()>, grace: Duration) -> usize {
    let ended = timeout(grace, async { while connections.join_next().await.is_some() {} }).await;
    if ended.is_ok() {
        return 0;
    }
    let cut_off = connections.len();
    tracing::warn!(connections = cut_off, ?grace, "cut off connections at shutdown");
    connections.shutdown().await;
    cut_off
}
