//! Rebuild and verify from their pages.

use esteira_testkit::eventually;
use esteira_views::{DocId, USERS, Views, Write};
use serde_json::json;

use crate::fixture::{Answer, Fixture};

async fn ended(fixture: &Fixture, answer: &Answer) -> String {
    let page = answer.location().to_owned();
    eventually("the operation ends", || async {
        let stream = fixture.get(&format!("{page}/stream")).await.body;
        // A stream that is asked for at the end has its last word only.
        stream.contains("event: last").then_some(stream)
    })
    .await
}

async fn spoil(fixture: &Fixture) {
    let set = json!({"name": "Spoilt"}).as_object().cloned().unwrap();
    fixture.views.write(vec![Write::Upsert { collection: &USERS, id: DocId::Int(1), set }]).await.unwrap();
}

#[tokio::test]
async fn a_spoilt_view_is_rebuilt_from_its_page() {
    let fixture = Fixture::new().await;
    fixture.user(1, "Ana").await;
    spoil(&fixture).await;
    let refused = fixture.post("/operations/rebuild", &[]).await;
    refused.shows("choose at least one");
    fixture.post("/operations/rebuild", &[("view", "everything")]).await.shows("must be users");
    let answer = fixture.post("/operations/rebuild", &[("view", "users"), ("view", "orders")]).await;
    assert!(ended(&fixture, &answer).await.contains("<dt>Replaced</dt><dd>1</dd>"));
    fixture.get("/views/views.users/1").await.shows("&quot;Ana&quot;");
    fixture.get("/operations").await.shows("Rebuild of users, orders");
}

#[tokio::test]
async fn a_verification_tells_what_differs_and_may_repair_it() {
    let fixture = Fixture::new().await;
    fixture.user(1, "Ana").await;
    fixture.execute("update outbox set processed_at = '2026-11-22T12:43:00.000Z'").await;
    spoil(&fixture).await;
    let answer = fixture.post("/operations/verify", &[("repair", "yes")]).await;
    assert!(ended(&fixture, &answer).await.contains("<dt>Repaired</dt><dd>1</dd>"));
    fixture.get("/views/views.users/1").await.shows("&quot;Ana&quot;");
}

#[tokio::test]
async fn the_same_operation_runs_once_at_a_time_and_can_be_cancelled() {
    let fixture = Fixture::new().await;
    fixture.user(1, "Ana").await;
    // What differs is waited for, so this one takes a while.
    spoil(&fixture).await;
    let first = fixture.post("/operations/verify", &[]).await;
    let second = fixture.post("/operations/verify", &[]).await;
    assert_eq!(first.location(), second.location());
    let other = fixture.post("/operations/verify", &[("repair", "yes")]).await;
    assert_ne!(first.location(), other.location());
    fixture.get(other.location()).await.shows("Verify and repair");
    fixture.post(&format!("{}/cancel", first.location()), &[]).await;
    assert!(ended(&fixture, &first).await.contains("cancelled"));
    let third = fixture.post("/operations/verify", &[]).await;
    assert_ne!(first.location(), third.location());
    fixture.stop.cancel();
    assert!(ended_with_process(&fixture, &third).await);
    assert_eq!(fixture.get("/operations/99").await.status, 404);
    assert_eq!(fixture.post("/operations/99/cancel", &[]).await.status, 404);
}

/// Its page, since no stream is begun any more.
async fn ended_with_process(fixture: &Fixture, answer: &Answer) -> bool {
    let page = answer.location().to_owned();
    eventually("the operation ends with the process", || async {
        fixture.get(&page).await.body.contains("cancelled").then_some(true)
    })
    .await
}
