//! One connection: HTTP/1.1 with limits on a request's head, and on how long a client may leave an answer unread.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;

use super::Limits;

/// How long a connection that has not made a request yet may still make one at shutdown. Hyper counts it as busy,
/// and browsers open such connections ahead of need.
const FRESH_GRACE: Duration = Duration::from_millis(250);

/// Serves one connection until it ends, or, once `stopped`, until the request in flight is answered.
pub(super) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    limits: &Limits,
    mut stopped: watch::Receiver<bool>,
) -> hyper::Result<()> {
    let used = Arc::new(AtomicBool::new(false));
    let service = TowerToHyperService::new(router);
    let service = service_fn({
        let used = Arc::clone(&used);
        move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            used.store(true, Ordering::Relaxed);
            service.call(request)
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.header).max_buf_size(limits.head);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(limits.write));
    let mut connection = pin!(http.serve_connection(TokioIo::new(Box::pin(stream)), service));
    tokio::select! {
        ended = connection.as_mut() => return ended,
        // An error means that the server is gone: the same.
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
    connection.as_mut().graceful_shutdown();
    match timeout(FRESH_GRACE, connection.as_mut()).await {
        Ok(ended) => ended,
        Err(_) if !used.load(Ordering::Relaxed) => Ok(()),
        Err(_) => connection.await,
    }
}
