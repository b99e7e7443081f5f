//! A query API over a SQLite file of its own, and a client of it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use axum::response::Response;
use esteira_query_api::{API, QueryState, router};
use esteira_views::{ALL_COLLECTIONS, Collection, DocId, SqliteViews, Views, Write};
use esteira_web::{Limits, mount};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

pub(crate) struct Api {
    pub(crate) views: SqliteViews,
    pub(crate) router: Router,
    _directory: TempDir,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Api {
    pub(crate) async fn new() -> Self {
        Self::with(|state| state).await
    }

    /// An API with a state of its own; it waits 100 ms for tokens unless `change` says otherwise.
    pub(crate) async fn with(change: impl FnOnce(QueryState) -> QueryState) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let views = SqliteViews::open(&directory.path().join("views.db")).await.unwrap();
        views.prepare(ALL_COLLECTIONS).await.unwrap();
        let state =
            QueryState { wait: Duration::from_millis(100), ..QueryState::new(Arc::new(views.clone())) };
        Self { views, router: serve(change(state)), _directory: directory }
    }

    pub(crate) async fn given(&self, collection: &'static Collection, id: impl Into<DocId>, body: Value) {
        put(&self.views, collection, id, body).await;
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        get(&self.router, path, None).await
    }

    pub(crate) async fn get_with(&self, path: &str, token: &str) -> Answer {
        get(&self.router, path, Some(token)).await
    }

    pub(crate) async fn ids(&self, path: &str) -> Vec<i64> {
        self.get(path).await.ids()
    }
}

impl Answer {
    /// The ids of a list, in its order.
    pub(crate) fn ids(&self) -> Vec<i64> {
        assert_eq!(self.status, 200, "{}", self.body);
        let list = self.body.as_object().unwrap().values().find_map(Value::as_array).unwrap();
        list.iter().map(|entry| entry["id"].as_i64().unwrap()).collect()
    }

    /// The field that a 400 names first, and what it says about it.
    pub(crate) fn refused(&self) -> (&str, &str) {
        assert_eq!((self.status, &self.body["code"]), (400, &json!("invalid_data")), "{}", self.body);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let error = &self.body["errors"][0];
        (error["field"].as_str().unwrap(), error["message"].as_str().unwrap())
    }
}

pub(crate) fn serve(state: QueryState) -> Router {
    mount(router(state), API, &Limits::default())
}

pub(crate) async fn put(
    views: &dyn Views,
    collection: &'static Collection,
    id: impl Into<DocId>,
    body: Value,
) {
    let set = serde_json::from_value(body).unwrap();
    views.write(vec![Write::Upsert { collection, id: id.into(), set }]).await.unwrap();
}

pub(crate) async fn get(router: &Router, path: &str, token: Option<&str>) -> Answer {
    let mut request = Request::get(path);
    if let Some(token) = token {
        request = request.header("X-Consistency-Token", token);
    }
    answer(router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()).await
}

pub(crate) async fn answer(response: Response) -> Answer {
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let body = serde_json::from_slice(&bytes).unwrap_or_default();
    Answer { status: parts.status.as_u16(), headers: parts.headers, body }
}

pub(crate) fn user(id: i64) -> Value {
    json!({ "name": format!("Ana {id}"), "email": format!("Ana{id}@example.com"), "created_at": at(id), "updated_at": at(id), "version": 1 })
}

pub(crate) fn product(id: i64, price: f64, stock: i64) -> Value {
    json!({ "name": format!("Mouse {id}"), "price": price, "stock": stock, "created_at": at(id), "updated_at": at(id), "version": 1 })
}

pub(crate) fn order(id: i64, user: i64, status: &str, total: f64, products: &[i64]) -> Value {
    let items: Vec<_> = products
        .iter()
        .map(|id| json!({ "product_id": id, "quantity": 1, "unit_price": 10, "product": { "id": id, "name": "Mouse", "price": 79.9, "stock": 5 } }))
        .collect();
    json!({
        "user_id": user, "status": status, "total_amount": total, "user": { "id": user, "name": "Ana", "email": "ana@example.com", "version": 2 },
        "items": items, "created_at": at(id), "updated_at": at(id), "reservation": "PENDING", "version": 1, "applied": ["x"],
    })
}

/// A moment a day for each id, from 2026-11-01 on.
pub(crate) fn at(id: i64) -> String {
    format!("2026-11-{:02}T12:43:00.990Z", id.clamp(1, 30))
}
