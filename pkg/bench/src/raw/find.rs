//! The query API's ceiling: the driver's find-by-id behind a bare handler, on threads of its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context, anyhow};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bson::{Document, doc};
use esteira_sql::sqlite::SqliteFile;
use esteira_views::{MongoViews, ORDERS};
use tokio::sync::oneshot;

use crate::sandbox::Sandbox;

/// Serves until it is dropped.
pub struct FindServer {
    pub port: u16,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

enum Place {
    Mongo(String),
    File(PathBuf),
}

#[derive(Clone)]
enum Driver {
    Mongo(mongodb::Collection<Document>),
    Sqlite(SqliteFile),
}

impl FindServer {
    pub fn start(sandbox: &Sandbox) -> anyhow::Result<Self> {
        let place = match sandbox.variables.get("MONGO_URI") {
            Some(uri) => Place::Mongo(uri.clone()),
            None => Place::File(sandbox.directory.join("views.db")),
        };
        let (ready, port) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(serve(place, ready, stopped))
        });
        let port = port.recv().map_err(|_| anyhow!("the bare handler did not start"))?;
        Ok(Self { port, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for FindServer {
    fn drop(&mut self) {
        // A server that has failed already has told so by its answers.
        let _ = self.stop.take().map(|stop| stop.send(()));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

async fn serve(
    place: Place,
    ready: std::sync::mpsc::Sender<u16>,
    stopped: oneshot::Receiver<()>,
) -> anyhow::Result<()> {
    let driver = match place {
        Place::Mongo(uri) => {
            Driver::Mongo(MongoViews::connect(&uri).await?.database().collection(ORDERS.name))
        }
        Place::File(path) => Driver::Sqlite(SqliteFile::open(&path).await?),
    };
    let router = Router::new().route("/{id}", get(find)).with_state(Arc::new(driver));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    ready.send(listener.local_addr()?.port())?;
    let mut stopped = stopped;
    loop {
        let (stream, _) = tokio::select! {
            accepted = listener.accept() => accepted?,
            _ = &mut stopped => return Ok(()),
        };
        stream.set_nodelay(true)?;
        let service = hyper_util::service::TowerToHyperService::new(router.clone());
        let io = hyper_util::rt::TokioIo::new(stream);
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(io, service));
    }
}

async fn find(State(driver): State<Arc<Driver>>, Path(id): Path<i64>) -> Response {
    match json(&driver, id).await {
        Ok(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn json(driver: &Driver, id: i64) -> anyhow::Result<String> {
    match driver {
        Driver::Mongo(orders) => {
            let found = orders.find_one(doc! { "_id": id }).await?.context("not found")?;
            Ok(serde_json::to_string(&found)?)
        }
        Driver::Sqlite(file) => Ok(sqlx::query_scalar(r#"select body from "views.orders" where id = ?"#)
            .bind(id)
            .fetch_one(file.readers())
            .await?),
    }
}
