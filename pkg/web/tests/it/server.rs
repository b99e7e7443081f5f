//! The server on a real socket.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use esteira_web::{JsonBody, Limits, bind, protect, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(20);

struct Running {
    port: u16,
    stop: oneshot::Sender<()>,
    served: JoinHandle<usize>,
}

async fn start(router: Router, limits: Limits) -> Running {
    let listener = bind("127.0.0.1", 0, "PORT").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (stop, stopped) = oneshot::channel::<()>();
    let router = protect(router, &limits);
    let served = tokio::spawn(async move {
        let shutdown = async {
            stopped.await.ok();
        };
        serve(listener, router, &limits, shutdown).await
    });
    Running { port, stop, served }
}

impl Running {
    async fn send(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    async fn stop(self) -> usize {
        self.stop.send(()).unwrap();
        timeout(DEADLINE, self.served).await.unwrap().unwrap()
    }
}

/// Everything until the server closes.
async fn rest(mut stream: TcpStream) -> String {
    let mut text = String::new();
    timeout(DEADLINE, stream.read_to_string(&mut text)).await.unwrap().unwrap();
    text
}

/// A route that says when it has begun and ends when told to.
fn held(begun: &Arc<Notify>, go_on: &Arc<Notify>) -> Router {
    let (begun, go_on) = (Arc::clone(begun), Arc::clone(go_on));
    let handler = async move || {
        begun.notify_one();
        go_on.notified().await;
        "done"
    };
    Router::new().route("/held", get(handler))
}

const HELD: &str = "GET /held HTTP/1.1\r\nhost: here\r\n\r\n";

#[tokio::test]
async fn a_port_in_use_is_told_with_its_setting() {
    let taken = bind("127.0.0.1", 0, "PORT").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = bind("127.0.0.1", port, "ESTEIRA_USERS_PORT").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "ESTEIRA_USERS_PORT: 127.0.0.1:{port} is in use by another program: stop it, or set ESTEIRA_USERS_PORT to a free port"
        )
    );
}

#[tokio::test]
async fn an_address_that_is_not_ours_is_told() {
    let error = bind("192.0.2.1", 0, "PORT").await.unwrap_err();
    assert!(error.to_string().starts_with("PORT and ESTEIRA_HOST: cannot listen on 192.0.2.1:0"), "{error}");
}

#[tokio::test]
async fn a_head_that_does_not_come_closes_the_connection() {
    let limits = Limits { header: Duration::from_millis(30), ..Limits::default() };
    let running = start(Router::new(), limits).await;
    let slow = running.send("GET / HTTP/1.1\r\nhost: he").await;
    let answer = rest(slow).await;
    assert!(!answer.contains("200 OK"), "{answer}");
    assert_eq!(running.stop().await, 0);
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_has_the_same_time_as_any_other() {
    let limits = Limits { header: Duration::from_millis(300), ..Limits::default() };
    let running = start(Router::new().route("/", get(async || "home")), limits).await;
    let mut slow = running.send("GET / HTTP/1.1\r\n").await;
    let drip = async {
        loop {
            // Each byte comes well within the time of the whole.
            tokio::time::sleep(Duration::from_millis(20)).await;
            if slow.write_all(b"a").await.is_err() {
                return;
            }
        }
    };
    assert!(timeout(DEADLINE, drip).await.is_ok(), "the connection stays open");
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let limits = Limits { header: Duration::from_millis(100), ..Limits::default() };
    let running = start(Router::new().route("/", get(async || "home")), limits).await;
    let answer = rest(running.send("GET / HTTP/1.1\r\nhost: here\r\n\r\n").await).await;
    assert!(answer.ends_with("home"), "{answer}");
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let running = start(Router::new().route("/", get(async || "home")), Limits::default()).await;
    let head = |bytes| {
        format!("GET / HTTP/1.1\r\nhost: here\r\nconnection: close\r\nx: {}\r\n\r\n", "a".repeat(bytes))
    };
    assert!(rest(running.send(&head(32 * 1024)).await).await.ends_with("home"));
    // What is closed while the client still sends may be a reset before it is an answer.
    let mut large = TcpStream::connect(("127.0.0.1", running.port)).await.unwrap();
    let _ = large.write_all(head(300 * 1024).as_bytes()).await;
    let mut answer = Vec::new();
    let _ = timeout(DEADLINE, large.read_to_end(&mut answer)).await.unwrap();
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 431"), "{}", String::from_utf8_lossy(&answer));
    let many = "x: a\r\n".repeat(200);
    let answer = rest(running.send(&format!("GET / HTTP/1.1\r\nhost: here\r\n{many}\r\n")).await).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn an_answer_that_nobody_reads_closes_the_connection() {
    let limits = Limits { write: Duration::from_millis(100), connections: 1, ..Limits::default() };
    let router = Router::new()
        .route("/large", get(async || vec![b'x'; 64 * 1024 * 1024]))
        .route("/", get(async || "home"));
    let running = start(router, limits).await;
    let unread = running.send("GET /large HTTP/1.1\r\nhost: here\r\n\r\n").await;
    // There is one place: it is free again only when the first connection is gone.
    let second = running.send("GET / HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n").await;
    assert!(rest(second).await.ends_with("home"));
    drop(unread);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_a_408() {
    let limits = Limits { request: Duration::from_millis(30), ..Limits::default() };
    let router = Router::new().route("/", post(async |_: JsonBody<()>| "done"));
    let running = start(router, limits).await;
    let slow = running.send("POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 9\r\n\r\n{").await;
    let answer = rest(slow).await.to_lowercase();
    assert!(answer.starts_with("http/1.1 408") && answer.contains("application/problem+json"), "{answer}");
    assert!(answer.contains("connection: close") && answer.contains("request_timeout"), "{answer}");
}

#[tokio::test]
async fn a_handler_that_takes_too_long_is_a_503_whether_or_not_it_has_read_the_body() {
    let limits = Limits { request: Duration::from_millis(30), ..Limits::default() };
    let router = Router::new()
        .route("/read", post(async |_: JsonBody<()>| pending::<()>().await))
        .route("/unread", post(pending::<()>));
    let running = start(router, limits).await;
    for (path, body) in [("/read", "null"), ("/unread", "n")] {
        let head = format!("POST {path} HTTP/1.1\r\nhost: here\r\nconnection: close\r\ncontent-length: 4");
        let answer = rest(running.send(&format!("{head}\r\n\r\n{body}")).await).await;
        assert!(answer.starts_with("HTTP/1.1 503"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_a_413_before_it_has_come() {
    let limits = Limits { request: DEADLINE * 2, ..Limits::default() };
    let running = start(Router::new().route("/", post(async || "done")), limits).await;
    let mut slow = running.send("POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 3000000\r\n\r\n{").await;
    let mut head = [0; 12];
    timeout(DEADLINE, slow.read_exact(&mut head)).await.unwrap().unwrap();
    assert_eq!(&head, b"HTTP/1.1 413");
}

#[tokio::test]
async fn a_request_in_flight_is_answered_at_shutdown() {
    let (begun, go_on) = (Arc::default(), Arc::default());
    let running = start(held(&begun, &go_on), Limits::default()).await;
    let (idle, request) = (running.send("").await, running.send(HELD).await);
    begun.notified().await;
    let port = running.port;
    let stopping = tokio::spawn(running.stop());
    // An idle connection ends first, which shows that the shutdown has begun.
    assert_eq!(rest(idle).await, "");
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
    go_on.notify_one();
    let answer = rest(request).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"), "{answer}");
    assert_eq!(stopping.await.unwrap(), 0);
}

#[tokio::test]
async fn a_request_past_the_grace_period_is_cut_off() {
    let (begun, go_on) = (Arc::default(), Arc::default());
    let limits = Limits { grace: Duration::from_millis(30), ..Limits::default() };
    let running = start(held(&begun, &go_on), limits).await;
    let request = running.send(HELD).await;
    begun.notified().await;
    assert_eq!(running.stop().await, 1);
    assert_eq!(rest(request).await, "");
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_a_place() {
    let (begun, go_on) = (Arc::default(), Arc::default());
    let router = held(&begun, &go_on).route("/", get(async || "home"));
    let running = start(router, Limits { connections: 1, ..Limits::default() }).await;
    let first = running.send(HELD).await;
    begun.notified().await;
    let second = running.send("GET / HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n").await;
    let mut waiting = tokio::spawn(rest(second));
    assert!(timeout(Duration::from_millis(30), &mut waiting).await.is_err());
    go_on.notify_one();
    let mut first = first;
    let mut head = [0; 12];
    first.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    drop(first);
    assert!(waiting.await.unwrap().ends_with("home"));
}

#[tokio::test]
async fn the_answer_to_a_large_body_reaches_a_client_that_sends_it_all() {
    let running = start(Router::new().route("/", post(async || "done")), Limits::default()).await;
    let size = 8 * 1024 * 1024;
    let mut stream = running
        .send(&format!(
            "POST / HTTP/1.1\r\nhost: here\r\nconnection: close\r\ncontent-length: {size}\r\n\r\n"
        ))
        .await;
    stream.write_all(&vec![b'x'; size]).await.unwrap();
    let answer = rest(stream).await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("body_too_large"), "{answer}");
}
