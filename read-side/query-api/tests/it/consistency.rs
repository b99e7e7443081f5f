use std::time::{Duration, Instant};

use esteira_query_api::QueryState;
use esteira_views::{ORDERS, TOMBSTONES, USERS};
use serde_json::json;
use tokio::sync::watch;

use crate::client::{Api, order, put, user};

#[tokio::test]
async fn what_is_visible_is_answered_at_once() {
    let api = Api::with(|state| QueryState { wait: Duration::from_mins(1), ..state }).await;
    api.given(&ORDERS, 7, order(7, 1, "PAID", 1.0, &[])).await;
    for token in ["order:7:1"] {
        assert_eq!(api.get_with("/q/orders/7", token).await.status, 200);
        assert_eq!(api.get_with("/q/orders", token).await.ids(), [7]);
        assert_eq!(api.get_with("/q/users", token).await.status, 200);
    }
}

#[tokio::test]
async fn past_the_wait_a_view_is_not_yet_visible() {
    let api = Api::new().await;
    api.given(&ORDERS, 7, order(7, 1, "PAID", 1.0, &[])).await;
    for (path, token) in [("/q/orders/7", "order:7:2"), ("/q/orders", "order:8:1"), ("/users/1", "user:1:1")]
    {
        let started = Instant::now();
        let answer = api.get_with(path, token).await;
        assert!(started.elapsed() >= Duration::from_millis(100));
        assert_eq!((answer.status, &answer.body["code"]), (503, &json!("not_yet_visible")));
        assert_eq!(answer.headers["retry-after"], "1");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
    }
}

#[tokio::test]
async fn a_change_during_the_wait_is_seen_without_a_hook() {
    let api = Api::with(|state| QueryState { wait: Duration::from_mins(1), ..state }).await;
    let views = api.views.clone();
    let (answer, ()) = tokio::join!(api.get_with("/q/users/1", "user:1:1"), async {
        tokio::time::sleep(Duration::from_millis(60)).await;
        put(&views, &USERS, 1, user(1)).await;
    });
    assert_eq!((answer.status, &answer.body["id"]), (200, &json!(1)));
}

#[tokio::test]
async fn the_projectors_hook_ends_a_pause_and_may_go_away() {
    let (projected, receiver) = watch::channel(0_u64);
    let api =
        Api::with(|state| QueryState { wait: Duration::from_mins(1), projected: Some(receiver), ..state })
            .await;
    let views = api.views.clone();
    let (answer, ()) = tokio::join!(api.get_with("/q/users", "user:2:1"), async move {
        tokio::time::sleep(Duration::from_millis(20)).await;
        put(&views, &USERS, 1, user(1)).await;
        projected.send_modify(|count| *count += 1);
        drop(projected);
        tokio::time::sleep(Duration::from_millis(20)).await;
        put(&views, &USERS, 2, user(2)).await;
    });
    assert_eq!(answer.ids(), [1, 2]);
}

#[tokio::test]
async fn a_tombstone_makes_a_deletion_visible() {
    let api = Api::new().await;
    api.given(&TOMBSTONES, "order:7", json!({ "aggregate": "order", "aggregate_id": 7, "version": 4 })).await;
    assert_eq!(api.get_with("/q/orders/7", "order:7:4").await.status, 404);
    assert_eq!(api.get_with("/q/orders", "order:7:3").await.ids(), [0; 0]);
    assert_eq!(api.get_with("/q/orders", "order:7:5").await.status, 503);
}

#[tokio::test]
async fn a_token_that_is_none_is_refused() {
    let api = Api::new().await;
    for token in ["", "order", "order:7", "order:x:1", "order:7:0", "7:order:1", "stock:7:1", "order:7:1:1"] {
        for path in ["/q/orders/7", "/q/orders"] {
            let answer = api.get_with(path, token).await;
            assert_eq!(answer.refused().0, "X-Consistency-Token", "{token}");
        }
    }
}
