//! What every listener refuses, on raw sockets.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::harness::platform::{ALL, Platform};

/// What the listener answers before it closes, which it may do while a request is still being sent.
async fn answer(port: u16, request: String) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(esteira_testkit::DEADLINE, stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

async fn refuses_what_is_too_large(listener: &str, port: u16) {
    let request = |line: &str, rest: String| {
        format!("{line} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n{rest}\r\n\r\n")
    };
    let head = answer(port, request("GET /healthz", ["x: a"; 200].join("\r\n"))).await;
    assert!(head.starts_with("HTTP/1.1 431"), "{listener}: {head}");
    let body =
        answer(port, request("POST /healthz", "content-length: 2000000\r\nexpect: 100-continue".into()))
            .await;
    assert!(body.starts_with("HTTP/1.1 413") && body.contains("body_too_large"), "{listener}: {body}");
    let garbage = answer(port, "\u{16}\u{3}\u{1} a TLS client\r\n\r\n".into()).await;
    assert!(garbage.starts_with("HTTP/1.1 400") || garbage.is_empty(), "{listener}: {garbage}");
    let well = answer(port, request("GET /healthz", "x: a".into())).await;
    assert!(well.starts_with("HTTP/1.1 200"), "{listener}: {well}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_listener_of_one_process_has_limits() {
    let mut platform = Platform::files();
    platform.start(ALL).await;
    let ports = platform.ports;
    for (listener, port) in [
        ("users", ports.users),
        ("products", ports.products),
        ("orders", ports.orders),
        ("query", ports.query),
        ("console", ports.console),
    ] {
        refuses_what_is_too_large(listener, port).await;
    }
    platform.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_listeners_for_health_and_metrics_have_limits() {
    Platform::cluster(async |mut platform: Platform| {
        for process in ["dispatcher", "projector"] {
            let port = platform.door(process);
            refuses_what_is_too_large(process, port).await;
        }
        platform.stop_all().await;
    })
    .await;
}
