//! Pages show whatever they find, as text.

use axum::http::StatusCode;
use esteira_events::EventType;
use esteira_views::{Collection, DocId, ORDERS, PARKED, USERS, Views, Write};
use serde_json::{Value, json};

use crate::fixture::{Fixture, user};

const SCRIPT: &str = "<script>alert('x')</script>";

/// No markup of a record, and no failure.
async fn is_shown(fixture: &Fixture, path: &str) -> String {
    let answer = fixture.get(path).await;
    assert!(answer.status.is_success(), "{path}: {} {}", answer.status, answer.body);
    assert_eq!(answer.body.matches("<script").count(), 1, "{path}: {}", answer.body);
    answer.body
}

#[tokio::test]
async fn a_script_in_a_record_is_text_on_every_page() {
    let fixture = Fixture::new().await;
    let value = user(EventType::UserCreated, 4, 1, SCRIPT);
    fixture.stored(EventType::UserCreated, 4, 1, &value).await;
    let place = fixture.published(EventType::UserCreated, b"4", value.to_string().as_bytes()).await;
    let odd = fixture.published(EventType::UserUpdated, SCRIPT.as_bytes(), SCRIPT.as_bytes()).await;
    let letter = fixture.letter("user.updated.dlq").await;
    for path in [
        "/topics/user.created".to_owned(),
        "/topics/user.updated".to_owned(),
        format!("/topics/{place}"),
        format!("/topics/{odd}"),
        format!("/topics/{letter}"),
        format!("/dead-letters/{letter}"),
        "/views/views.users".to_owned(),
        "/views/views.users/4".to_owned(),
    ] {
        assert!(is_shown(&fixture, &path).await.contains("&lt;script&gt;"), "{path}");
    }
    for path in [
        "/topics/user.created?key=%3Cscript%3E",
        "/dead-letters?error=%3Cscript%3E",
        "/views/views.users?id=%3Cscript%3E",
    ] {
        is_shown(&fixture, path).await;
    }
    let unknown = fixture.get("/topics/%3Cscript%3E").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    unknown.shows("&lt;script&gt;");
}

#[tokio::test]
async fn bytes_that_are_no_text_are_shown_and_said() {
    let fixture = Fixture::new().await;
    let bytes: Vec<u8> = (0..=255).collect();
    let place = fixture.published(EventType::OrderPaid, &bytes, &bytes).await;
    let page = is_shown(&fixture, &format!("/topics/{place}")).await;
    assert!(page.contains("not UTF-8") && page.contains('␀') && !page.contains('\0'), "{page}");
    let letter = fixture.letter("order.paid.dlq").await;
    for path in ["/topics/order.paid", "/topics/order.paid.dlq", "/dead-letters", "/views/views.parked", "/"]
    {
        is_shown(&fixture, path).await;
    }
    is_shown(&fixture, &format!("/dead-letters/{letter}")).await;
    is_shown(&fixture, &format!("/topics/{letter}")).await;
}

async fn put(fixture: &Fixture, collection: &'static Collection, id: DocId, body: Value) {
    let Value::Object(set) = body else { panic!("no document: {body}") };
    fixture.views.write(vec![Write::Upsert { collection, id, set }]).await.unwrap();
}

#[tokio::test]
async fn documents_that_no_program_reads_are_shown() {
    let fixture = Fixture::new().await;
    put(&fixture, &USERS, DocId::Int(1), json!({"name": {"first": [SCRIPT]}, "version": "seven"})).await;
    put(&fixture, &ORDERS, DocId::Int(1), json!({"items": "none", "version": -1})).await;
    put(
        &fixture,
        &PARKED,
        DocId::Text("<odd>/?#".to_owned()),
        json!({"state": "dead", "group": "query-consumer"}),
    )
    .await;
    for path in [
        "/views/views.users",
        "/views/views.users/1",
        "/views/views.orders",
        "/views/views.orders/1",
        "/views/views.parked",
        "/views/views.parked/%3Codd%3E%2F%3F%23",
        "/",
    ] {
        is_shown(&fixture, path).await;
    }
    let journey = fixture.get("/orders/1").await;
    assert_eq!(journey.status, StatusCode::SERVICE_UNAVAILABLE);
    journey.shows("is not readable");
}

#[tokio::test]
async fn a_letter_that_is_none_is_a_page_that_says_so() {
    let fixture = Fixture::new().await;
    let record = esteira_bus::NewRecord {
        topic: "order.paid.dlq".to_owned(),
        key: None,
        value: Some(b"{".to_vec()),
        headers: Vec::new(),
    };
    esteira_bus::Log::publish(fixture.log.as_ref(), vec![record]).await.remove(0).unwrap();
    let id = fixture.letter("order.paid.dlq").await;
    is_shown(&fixture, "/dead-letters").await;
    let answer = fixture.get(&format!("/dead-letters/{id}")).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    answer.shows("no dead letter that can be read");
}

/// A read is bounded in bytes, and so is what a page shows: the newest records are there all the same.
#[tokio::test]
async fn giant_records_are_told_by_their_beginning_and_hide_no_newer_ones() {
    let fixture = Fixture::new().await;
    let giant = format!("{{\"pad\": \"{}\"}}", "<b>".repeat(333_000)).into_bytes();
    let record = esteira_bus::NewRecord {
        topic: "product.updated".to_owned(),
        key: Some(b"2".to_vec()),
        value: Some(giant.clone()),
        headers: Vec::new(),
    };
    for outcome in esteira_bus::Log::publish(fixture.log.as_ref(), vec![record; 17]).await {
        outcome.unwrap();
    }
    let dead = fixture.published(EventType::ProductUpdated, b"2", &giant).await;
    let last = fixture.published(EventType::ProductUpdated, b"2", b"the last one").await;
    for path in ["/topics/product.updated", "/topics/product.updated?key=2"] {
        let page = is_shown(&fixture, path).await;
        assert!(page.contains(&format!("href=\"/topics/{last}\"")), "{path}");
        assert!(page.contains("the first 8,192 of 999,011 bytes") && page.len() < 1_000_000, "{path}");
    }
    let letter = fixture.letter("product.updated.dlq").await;
    for path in [format!("/topics/{dead}"), format!("/topics/{letter}"), format!("/dead-letters/{letter}")] {
        assert!(is_shown(&fixture, &path).await.len() < 1_000_000, "{path}");
    }
}
