//! A TCP proxy before MySQL that loses the answer to a COMMIT.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use sqlx::mysql::MySqlConnectOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What becomes of a COMMIT.
#[derive(Clone, Debug)]
pub(crate) enum Cut {
    /// It never reaches the server.
    Before,
    /// The server commits, and its answer is lost.
    After,
    /// The client's connection is lost, and the server gets it only when the test says so.
    Late(Arc<Notify>),
}

/// Forwards everything but the COMMITs that are in `cuts`.
#[derive(Clone)]
pub(crate) struct Proxy {
    cuts: Arc<Mutex<VecDeque<Cut>>>,
    server: (String, u16),
    pub(crate) options: MySqlConnectOptions,
}

impl Proxy {
    pub(crate) async fn start(options: &MySqlConnectOptions) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let proxy = Self {
            cuts: Arc::default(),
            server: (options.get_host().to_owned(), options.get_port()),
            options: options.clone().host("127.0.0.1").port(port),
        };
        let accepting = proxy.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(accepting.clone().carry(client));
            }
        });
        proxy
    }

    pub(crate) fn cut(&self, cuts: impl IntoIterator<Item = Cut>) {
        self.cuts.lock().unwrap().extend(cuts);
    }

    pub(crate) fn cuts_left(&self) -> usize {
        self.cuts.lock().unwrap().len()
    }

    async fn carry(self, client: TcpStream) {
        let server = TcpStream::connect((self.server.0.as_str(), self.server.1)).await.unwrap();
        client.set_nodelay(true).unwrap();
        server.set_nodelay(true).unwrap();
        let (from_client, mut to_client) = client.into_split();
        let (mut from_server, to_server) = server.into_split();
        let back = tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
        let back_now = back.abort_handle();
        self.forward(from_client, to_server, || back_now.abort()).await;
        back.abort();
    }

    /// `lose` closes the way back to the client.
    async fn forward(self, mut client: OwnedReadHalf, mut server: OwnedWriteHalf, lose: impl Fn()) {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = client.read(&mut buffer).await {
            let packet = &buffer[..length];
            // The client waits for each answer, so that a COMMIT comes by itself: COM_QUERY, then its text.
            let cut =
                packet.ends_with(b"\x03COMMIT").then(|| self.cuts.lock().unwrap().pop_front()).flatten();
            if let Some(cut) = cut {
                lose();
                match cut {
                    Cut::Before => return,
                    Cut::After => server.write_all(packet).await.unwrap(),
                    Cut::Late(now) => {
                        drop(client);
                        now.notified().await;
                        server.write_all(packet).await.unwrap();
                    }
                }
                // Left open, so that the server is not told that nobody listens.
                std::mem::forget(server);
                return;
            }
            if server.write_all(packet).await.is_err() {
                return;
            }
        }
    }
}
