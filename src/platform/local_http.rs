//! Requests to a process of the platform.

use std::time::Duration;

use anyhow::Context;
use axum::body::Body;
use axum::http::{HeaderValue, Request, header};
use axum::response::Response;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

const CONNECT: Duration = Duration::from_secs(5);

/// How a URL has `host` and `port`.
pub fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Sends `request` over a connection of its own.
pub async fn send(host: &str, port: u16, mut request: Request<Body>) -> anyhow::Result<Response> {
    let authority = authority(host, port);
    let exchange = async {
        request.headers_mut().insert(header::HOST, HeaderValue::from_str(&authority)?);
        let stream = tokio::time::timeout(CONNECT, TcpStream::connect((host, port))).await??;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        anyhow::Ok(sender.send_request(request).await?.map(Body::new))
    };
    exchange.await.with_context(|| format!("{authority} does not answer"))
}
