//! What the pages show, and what their buttons do.

use axum::http::{Method, StatusCode, header};
use esteira_events::EventType;
use esteira_testkit::eventually;
use esteira_views::{DocId, USERS, Views};
use serde_json::{Value, json};

use crate::fixture::{Fixture, read, user};

#[tokio::test]
async fn a_record_is_found_by_its_aggregate() {
    let fixture = Fixture::new().await;
    for id in 1..=3 {
        fixture.user(id, &format!("Ana {id}")).await;
    }
    let topics = fixture.get("/topics").await;
    topics.shows("<a href=\"/topics/user.created\">").shows("query-consumer");
    let all = fixture.get("/topics/user.created").await;
    all.shows("Ana 1").shows("Ana 3").shows("Lag of query-consumer");
    let found = fixture.get("/topics/user.created?key=2").await;
    found.shows("Ana 2").shows("Every record of the topic was looked at.");
    assert!(!found.body.contains("Ana 1"), "{}", found.body);
    let record =
        found.body.split("<a href=\"/topics/user.created/").nth(1).unwrap().split('"').next().unwrap();
    let page = fixture.get(&format!("/topics/user.created/{record}")).await;
    page.shows("ce_type").shows("/views/views.users/2").shows("&quot;name&quot;: &quot;Ana 2&quot;");
}

#[tokio::test]
async fn an_address_that_names_nothing_says_what_would() {
    let fixture = Fixture::new().await;
    let cases = [
        ("/orders?id=abc", 404, "no order has this id"),
        ("/orders/%3Cscript%3E", 400, "must be a positive integer"),
        ("/topics/user.created/x/0", 400, "partition: must be an integer of 32 bits"),
        ("/topics/user.created?partition=x", 400, "partition: must be an integer from 0 to 2147483647"),
        ("/dead-letters/user.created.dlq/0/x", 400, "offset: must be an integer of 64 bits"),
        ("/operations/x", 400, "must be a positive integer"),
    ];
    for (path, status, told) in cases {
        let answer = fixture.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        answer.shows(told);
    }
    assert_eq!(fixture.get("/orders?id=+7+").await.location(), "/orders/7");
}

/// A record of Go has a clock as its key.
#[tokio::test]
async fn a_record_of_go_is_found_by_the_aggregate_in_its_value() {
    let fixture = Fixture::new().await;
    let mut value = user(EventType::UserCreated, 8, 1, "Of Go");
    value.as_object_mut().unwrap().remove("sequence");
    fixture.published(EventType::UserCreated, b"1795351389000", value.to_string().as_bytes()).await;
    fixture.get("/topics/user.created?key=8").await.shows("Of Go");
}

#[tokio::test]
async fn the_records_of_a_partition_come_a_page_at_a_time() {
    let fixture = Fixture::new().await;
    let value = |number: i64| user(EventType::UserCreated, 5, 1, &format!("<{number}>")).to_string();
    let mut place = String::new();
    for number in 0..45 {
        place = fixture.published(EventType::UserCreated, b"5", value(number).as_bytes()).await;
    }
    let partition = place.split('/').nth(1).unwrap();
    let mut path = format!("/topics/user.created?partition={partition}");
    let mut seen = Vec::new();
    loop {
        let page = fixture.get(&path).await.body;
        seen.extend(
            page.split("&lt;").skip(1).map(|rest| rest.split("&gt;").next().unwrap().parse::<i64>().unwrap()),
        );
        let Some(older) = page.split("<a href=\"").find(|link| link.contains("rel=\"next\"")) else { break };
        path = older.split('"').next().unwrap().replace("&amp;", "&");
    }
    assert_eq!(seen, (0..45).rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_document_stands_beside_its_history() {
    let fixture = Fixture::new().await;
    for id in 1..=30 {
        fixture.user(id, &format!("Ana {id}")).await;
    }
    let value = user(EventType::UserUpdated, 30, 2, "Eva");
    fixture.stored(EventType::UserUpdated, 30, 2, &value).await;
    fixture.get("/views").await.shows("views.users").shows(">30<");
    let first = fixture.get("/views/views.users").await;
    first.shows("Ana 30").shows("/views/views.users?after=6");
    assert!(!first.body.contains("Ana 5<"));
    fixture.get("/views/views.users?after=6").await.shows("Ana 5");
    let found = fixture.get("/views/views.users?id=12").await;
    assert!(found.shows("Ana 12").body.matches("<tr>").count() == 2);
    let page = fixture.get("/views/views.users/30").await;
    page.shows("&quot;name&quot;: &quot;Ana 30&quot;")
        .shows("user.updated")
        .shows("waits for the dispatcher");
    assert_eq!(fixture.get("/views/views.users/99").await.status, StatusCode::NOT_FOUND);
    assert_eq!(fixture.get("/views/nothing").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_orders_journey_is_a_timeline() {
    let fixture = Fixture::new().await;
    fixture.user(1, "Ana").await;
    let created = json!({"event_id": uuid::Uuid::now_v7(), "occurred_at": "2026-11-22T12:43:00.000Z", "sequence": 1,
        "order": {"id": 12, "user_id": 1, "status": "CREATED", "total_amount": 10.5, "items": [
            {"product_id": 1, "quantity": 1, "unit_price": 10.5, "product": {"id": 1, "name": "Mouse", "price": 10.5, "stock": 9}}],
            "user": {"id": 1, "name": "Ana", "email": "1@example.com"}}});
    fixture.stored(EventType::OrderCreated, 12, 1, &created).await;
    let place = fixture.published(EventType::OrderCreated, b"12", created.to_string().as_bytes()).await;
    let paid = json!({"event_id": uuid::Uuid::now_v7(), "occurred_at": "2026-11-22T12:44:00.000Z", "sequence": 2,
        "order_id": 12, "payment_method": "pix"});
    fixture.stored(EventType::OrderPaid, 12, 2, &paid).await;
    let late = json!({"event_id": uuid::Uuid::now_v7(), "occurred_at": "2026-11-22T12:45:00.000Z", "sequence": 3,
        "order_id": 12, "status": "PROCESSING"});
    fixture.published(EventType::OrderUpdated, b"12", late.to_string().as_bytes()).await;

    assert_eq!(fixture.get("/orders?id=+12+").await.location(), "/orders/12");
    fixture.get("/orders?id=").await.shows("Type an order");
    let page = fixture.get("/orders/12").await;
    page.shows("CREATED").shows("order.created").shows("In the view");
    page.shows("order.paid").shows("Waits for the dispatcher");
    page.shows("What waits").shows("order #2").shows("Event #3").shows("waits for the event before it");
    assert!(place.starts_with("order.created/"));
    let missing = fixture.get("/orders/13").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    missing.shows("order 13 not found").shows("<html").shows("aria-label=\"Console\"");
}

/// The name in a user's view.
async fn name(fixture: &Fixture, id: i64) -> Option<Value> {
    fixture.views.get(&USERS, &[DocId::Int(id)]).await.unwrap().pop()?.body.remove("name")
}

#[tokio::test]
async fn a_dead_letter_is_previewed_and_handed_in_again() {
    let fixture = Fixture::new().await;
    fixture.user(7, "Ana").await;
    // As the Go services write it: nobody has it set aside.
    let lost = user(EventType::UserUpdated, 7, 2, "Eva");
    let of_go = json!({"original_topic": "user.updated", "error_message": "mongo <was> away",
        "timestamp": "2026-11-22T12:43:00Z", "original_event": lost.to_string()});
    let record = esteira_bus::NewRecord {
        topic: "user.updated.dlq".to_owned(),
        key: Some(b"7".to_vec()),
        value: Some(of_go.to_string().into_bytes()),
        headers: Vec::new(),
    };
    esteira_bus::Log::publish(fixture.log.as_ref(), vec![record]).await.remove(0).unwrap();
    let id = fixture.letter("user.updated.dlq").await;

    let open = fixture.get("/dead-letters?state=open&topic=&aggregate_id=&since=2026-11-22T12:00").await;
    open.shows("Causes")
        .shows("mongo &lt;was&gt; away")
        .shows(&format!("/dead-letters/{id}"))
        .shows("Redrive all 1 open");
    fixture.get("/dead-letters?state=applied").await.shows("None that match.");
    let page = fixture.get(&format!("/dead-letters/{id}")).await;
    page.shows("the view's document changes")
        .shows("<del>-   &quot;name&quot;: &quot;Ana&quot;")
        .shows("<ins>+   &quot;name&quot;: &quot;Eva&quot;");
    assert_eq!(name(&fixture, 7).await, Some(json!("Ana")));

    let answer = fixture.post(&format!("/dead-letters/{id}/redrive"), &[]).await;
    assert_eq!(
        (answer.status, answer.location()),
        (StatusCode::SEE_OTHER, format!("/dead-letters/{id}").as_str())
    );
    fixture.get(&format!("/dead-letters/{id}")).await.shows("redriving");
    fixture.tick().await;
    assert_eq!(name(&fixture, 7).await, Some(json!("Eva")));
    fixture.get(&format!("/dead-letters/{id}")).await.shows("state-applied");
}

#[tokio::test]
async fn a_dead_letter_is_given_up_with_a_reason() {
    let fixture = Fixture::new().await;
    let id = fixture.dead_letter().await;
    let page = format!("/dead-letters/{id}");
    let refused = fixture.post(&format!("{page}/redrive"), &[]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    refused.shows("cannot be redriven").shows("<html");
    let refused = fixture.post(&format!("{page}/discard"), &[("reason", "  ")]).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    fixture.get(&page).await.shows("state-open");
    fixture.post(&format!("{page}/discard"), &[("reason", "a <faulty> import")]).await;
    fixture.get(&page).await.shows("state-discarded").shows("a &lt;faulty&gt; import");
    assert_eq!(fixture.get("/dead-letters/user.updated.dlq/0/999").await.status, StatusCode::NOT_FOUND);
    assert_eq!(fixture.get("/dead-letters/user.updated/0/0").await.status, StatusCode::BAD_REQUEST);
    fixture.get("/dead-letters?state=lost").await.shows("must be open");
}

#[tokio::test]
async fn all_letters_of_a_filter_are_handed_in_with_progress() {
    let fixture = Fixture::new().await;
    fixture.dead_letter().await;
    let answer = fixture.post("/dead-letters/redrive", &[("topic", "user.updated"), ("rate", "500")]).await;
    assert_eq!(answer.location(), "/operations/1");
    eventually("the redrive ends", || async {
        let page = fixture.get("/operations/1").await.body;
        page.contains("Refused</dt><dd>1").then_some(())
    })
    .await;
    let refused = fixture.post("/dead-letters/redrive", &[("rate", "0")]).await;
    refused.shows("must be a number of at least 1");
}

#[tokio::test]
async fn a_refused_row_is_retried_or_skipped() {
    let fixture = Fixture::new().await;
    let value = user(EventType::UserCreated, 3, 1, "Ana");
    let row = fixture.stored(EventType::UserCreated, 3, 1, &value).await;
    fixture.get("/outbox").await.shows("<strong>1</strong> event waits").shows("None.");
    assert_eq!(fixture.post(&format!("/outbox/{row}/retry"), &[]).await.status, StatusCode::NOT_FOUND);
    let far = "update outbox set attempts = 6, last_error = 'too <large>', next_attempt_at = 9000000000000";
    fixture.execute(far).await;
    fixture.get("/outbox").await.shows("too &lt;large&gt;").shows("refused 6 times");
    fixture.post(&format!("/outbox/{row}/skip"), &[("reason", "")]).await.shows("must say why");
    assert_eq!(fixture.post(&format!("/outbox/{row}/retry"), &[]).await.location(), "/outbox");
    fixture.execute(far).await;
    assert_eq!(fixture.post(&format!("/outbox/{row}/skip"), &[("reason", "too large")]).await.status, 303);
    fixture.get("/outbox").await.shows("None.");
}

#[tokio::test]
async fn engines_stages_dispatchers_and_lag_are_told() {
    let fixture = Fixture::new().await;
    fixture.health.stage("dispatcher").paused("the <log> is away");
    let mut lease = esteira_outbox::Lease::new("host-1", std::time::Duration::from_mins(1));
    esteira_outbox::balance(&fixture.db, &mut lease).await.unwrap();
    let page = fixture.get("/engines").await;
    page.shows("SQLite").shows("28 of 28 present").shows("the &lt;log&gt; is away");
    page.shows("host-1")
        .shows("in 59 s")
        .shows("to the write store: writer 0 in use")
        .shows("query-consumer");
}

#[tokio::test]
async fn what_is_not_there_is_a_page_for_people_and_a_problem_for_programs() {
    let fixture = Fixture::new().await;
    let page = fixture.get("/nothing").await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    page.shows("<h1>Not found</h1>");
    let program = |headers: &mut axum::http::HeaderMap| drop(headers.remove(header::ACCEPT));
    let problem = read(fixture.send(Method::GET, "/nothing", String::new(), program).await).await;
    assert_eq!(serde_json::from_str::<Value>(&problem.body).unwrap()["code"], "not_found");
    fixture.views.goes_away();
    let page = fixture.get("/views").await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    page.shows("&lt;b&gt;gone&lt;/b&gt;");
}
