//! HTTP to the collector, in the process's own runtime.

use std::io;
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::Handle;
use tokio::time::timeout;

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most bytes of an answer, which has nothing to say but errors.
const ANSWER: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct Client {
    http: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    runtime: Handle,
}

impl Client {
    pub(super) fn new(url: &str) -> io::Result<Self> {
        let connector = HttpsConnectorBuilder::new();
        let connector = if url.starts_with("https:") {
            connector.with_native_roots()?
        } else {
            let nobody = ClientConfig::builder().with_root_certificates(RootCertStore::empty());
            connector.with_tls_config(nobody.with_no_client_auth())
        };
        let connector = connector.https_or_http().enable_http1().build();
        let http = legacy::Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { http, runtime: Handle::current() })
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.http.request(request.map(Full::new));
        let exchange = async {
            let (parts, body) = answer.await?.into_parts();
            let body = Limited::new(body, ANSWER).collect().await?.to_bytes();
            Ok(Response::from_parts(parts, body))
        };
        // The exporter's thread is outside the runtime that sockets and timers need.
        self.runtime.spawn(async move { timeout(PATIENCE, exchange).await? }).await?
    }
}
