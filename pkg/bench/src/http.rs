//! An HTTP client that costs little: one connection that is kept, one request at a time.

use std::time::Duration;

use anyhow::Context;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{self, HeaderValue};
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Longer than the platform lets any request take.
const PATIENCE: Duration = Duration::from_mins(1);

/// The code of that problem.
const OVERLOADED: &[u8] = b"\"overloaded\"";

/// A connection to one port of this machine.
pub struct Connection {
    port: u16,
    authorization: Option<HeaderValue>,
    sender: SendRequest<Full<Bytes>>,
}

/// What a request was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub body: Bytes,
    /// Of an answer that asks to come again later.
    pub retry_after: Option<Duration>,
}

impl Answer {
    /// When to come again, if the platform has too much to do; 503 is also what it answers while an engine is away.
    pub fn comes_from_overload(&self) -> Option<Duration> {
        self.retry_after.filter(|_| self.body.windows(OVERLOADED.len()).any(|part| part == OVERLOADED))
    }
}

impl Connection {
    pub async fn open(port: u16) -> anyhow::Result<Self> {
        Ok(Self { port, authorization: None, sender: sender(port).await? })
    }

    /// For commands.
    pub async fn authorized(port: u16, authorization: Option<HeaderValue>) -> anyhow::Result<Self> {
        Ok(Self { authorization, ..Self::open(port).await? })
    }

    pub async fn post(&mut self, path: &str, body: Vec<u8>) -> anyhow::Result<Answer> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::HOST, "127.0.0.1")
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        self.send(request.body(Full::new(Bytes::from(body)))?).await
    }

    /// With a consistency token, if there is one to wait for.
    pub async fn get(&mut self, path: &str, token: Option<&str>) -> anyhow::Result<Answer> {
        let mut request = Request::builder().uri(path).header(header::HOST, "127.0.0.1");
        if let Some(token) = token {
            request = request.header("x-consistency-token", token);
        }
        self.send(request.body(Full::default())?).await
    }

    /// A connection that broke is replaced for the next request; this one is lost.
    async fn send(&mut self, request: Request<Full<Bytes>>) -> anyhow::Result<Answer> {
        if self.sender.is_closed() {
            self.sender = sender(self.port).await?;
        }
        self.sender.ready().await?;
        let exchange = async {
            let response = self.sender.send_request(request).await?;
            let (status, retry_after) = (response.status(), retry_after(response.headers()));
            anyhow::Ok(Answer { status, retry_after, body: response.into_body().collect().await?.to_bytes() })
        };
        tokio::time::timeout(PATIENCE, exchange).await.context("no answer")?
    }
}

/// `Authorization` for this token.
pub fn bearer(token: &str) -> anyhow::Result<HeaderValue> {
    let mut value = HeaderValue::try_from(format!("Bearer {token}"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

async fn sender(port: u16) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}
