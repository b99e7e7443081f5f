//! A store that is away.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use esteira_query_api::QueryState;
use esteira_views::{
    Collection, DocId, Document, Fields, Filter, Outcome, Query, Views, ViewsDescription, ViewsError, Write,
};
use serde_json::json;

use crate::client::{get, serve};

struct Away;

fn away<T>() -> Result<T, ViewsError> {
    Err(ViewsError::Unavailable("10.0.0.1 refused the connection".into()))
}

#[async_trait]
impl Views for Away {
    async fn prepare(&self, _: &[&Collection]) -> Result<(), ViewsError> {
        away()
    }
    async fn get(&self, _: &Collection, _: &[DocId]) -> Result<Vec<Document>, ViewsError> {
        away()
    }
    async fn write(&self, _: Vec<Write>) -> Result<Vec<Outcome>, ViewsError> {
        away()
    }
    async fn update_where(&self, _: &Collection, _: Vec<(Vec<Filter>, Fields)>) -> Result<u64, ViewsError> {
        away()
    }
    async fn delete_where(&self, _: &Collection, _: &[Filter]) -> Result<u64, ViewsError> {
        away()
    }
    async fn find(&self, _: &Collection, _: &Query) -> Result<Vec<Document>, ViewsError> {
        away()
    }
    async fn count(&self, _: &Collection, _: &[Filter], _: u64) -> Result<u64, ViewsError> {
        away()
    }
    async fn describe(&self) -> Result<ViewsDescription, ViewsError> {
        away()
    }
}

#[tokio::test]
async fn every_route_answers_503_and_keeps_the_cause_to_itself() {
    let router = serve(QueryState { wait: Duration::ZERO, ..QueryState::new(Arc::new(Away)) });
    for path in ["/q/users", "/q/users/1", "/q/products", "/products/1", "/q/orders", "/api/v1/orders/1"] {
        for token in [None, Some("order:1:1")] {
            let answer = get(&router, path, token).await;
            assert_eq!((answer.status, &answer.body["code"]), (503, &json!("store_unavailable")), "{path}");
            assert_eq!(answer.headers["retry-after"], "1");
            assert!(!answer.body.to_string().contains("10.0.0.1"));
        }
    }
}
