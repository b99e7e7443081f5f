//! Live queries.

use std::time::Duration;

use esteira_query_api::LiveLimits;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::client::Api;
use crate::stream::{Belt, LIMITS, Listener, bury, on_every_log, plain, refusal, show};

on_every_log!(
    a_change_is_told_once_its_view_shows_it,
    a_filter_tells_what_matches_and_what_leaves_it,
    a_client_that_comes_back_misses_nothing,
    a_change_that_was_not_visible_at_the_disconnect_is_told_at_the_return,
    what_the_projector_has_yet_to_read_is_a_change_to_come,
    an_id_that_the_log_no_longer_goes_back_to_is_gone,
    a_slow_client_is_sent_away_and_misses_nothing,
    what_was_missed_and_what_happens_now_come_in_the_order_of_an_order,
);

async fn a_change_is_told_once_its_view_shows_it(belt: Belt) {
    let api = belt.api(LIMITS).await;
    for path in ["/q/orders/stream", "/orders/stream", "/api/v1/q/orders/stream"] {
        let (mut listener, _) = Listener::new(&api, path).await;
        let id = i64::try_from(path.len()).unwrap();
        belt.placed(&api, id).await;
        let created = listener.event().await;
        assert_eq!(created.order(), (id, 1, "CREATED"));
        assert_eq!(created.data, plain(&api, &format!("/q/orders/{id}")).await.body);
        // The log has it, the view has not; of another order both have.
        belt.paid(id, 2).await;
        belt.placed(&api, 100 + id).await;
        assert_eq!(listener.event().await.order(), (100 + id, 1, "CREATED"));
        show(&api, id, 1, 2, "PAID").await;
        assert_eq!(listener.event().await.order(), (id, 2, "PAID"));
    }
}

async fn a_filter_tells_what_matches_and_what_leaves_it(belt: Belt) {
    let api = belt.api(LIMITS).await;
    let (mut listener, _) =
        Listener::new(&api, "/q/orders/stream?status=PAID&user_id=1&product_id=5&min_total=9.90").await;
    // Of somebody else: never told, whatever happens to it.
    belt.created(1).await;
    show(&api, 1, 2, 1, "PAID").await;
    belt.canceled(1, 2).await;
    show(&api, 1, 2, 2, "CANCELED").await;
    // At its first version it did not match, and had not before.
    belt.placed(&api, 2).await;
    belt.paid(2, 2).await;
    show(&api, 2, 1, 2, "PAID").await;
    assert_eq!(listener.event().await.order(), (2, 2, "PAID"));
    belt.updated(2, 3).await;
    show(&api, 2, 1, 3, "PROCESSING").await;
    assert_eq!(listener.event().await.removed(), (2, 3, false));
    belt.deleted(2, 4).await;
    bury(&api, 2, 4).await;
    assert_eq!(listener.event().await.removed(), (2, 4, true));
}

async fn a_client_that_comes_back_misses_nothing(belt: Belt) {
    let api = belt.api(LIMITS).await;
    let (mut listener, _) = Listener::new(&api, "/q/orders/stream").await;
    belt.placed(&api, 1).await;
    let last = listener.event().await.id;
    drop(listener);
    for id in 2..=9 {
        belt.placed(&api, id).await;
    }
    belt.paid(1, 2).await;
    show(&api, 1, 1, 2, "PAID").await;
    // Whether the same process answers, or another one that has not read a record yet.
    let other = belt.api(LIMITS).await;
    for id in 1..=9 {
        show(&other, id, 1, if id == 1 { 2 } else { 1 }, "PAID").await;
    }
    for api in [&api, &other] {
        let (mut listener, _) = Listener::after(api, "/q/orders/stream", Some(&last)).await;
        let mut missing: Vec<_> = (1..=9).collect();
        while !missing.is_empty() {
            let told = listener.event().await;
            let (id, version, _) = told.order();
            assert!(id != 1 || version == 2);
            missing.retain(|other| *other != id);
        }
    }
}

async fn a_change_that_was_not_visible_at_the_disconnect_is_told_at_the_return(belt: Belt) {
    let api = belt.api(LIMITS).await;
    let (mut listener, _) = Listener::new(&api, "/q/orders/stream").await;
    belt.created(1).await;
    belt.placed(&api, 2).await;
    let told = listener.event().await;
    assert_eq!(told.order().0, 2);
    drop(listener);
    // The projector has read the event and put it aside.
    belt.projector_reads(2).await;
    let other = belt.api(LIMITS).await;
    show(&other, 1, 1, 1, "CREATED").await;
    show(&other, 2, 1, 1, "CREATED").await;
    let (mut listener, _) = Listener::after(&other, "/q/orders/stream", Some(&told.id)).await;
    while listener.event().await.order().0 != 1 {}
}

async fn what_the_projector_has_yet_to_read_is_a_change_to_come(belt: Belt) {
    let api = belt.api(LIMITS).await;
    belt.placed(&api, 1).await;
    belt.projector_reads(1).await;
    belt.created(2).await;
    let (mut listener, _) = Listener::new(&api, "/q/orders/stream").await;
    show(&api, 2, 1, 1, "CREATED").await;
    assert_eq!(listener.event().await.order(), (2, 1, "CREATED"));
}

async fn an_id_that_the_log_no_longer_goes_back_to_is_gone(belt: Belt) {
    let api = belt.api(LIMITS).await;
    let (_, first) = Listener::new(&api, "/q/orders/stream").await;
    let mut listener = Listener::new(&api, "/q/orders/stream").await.0;
    for id in 1..=4 {
        belt.placed(&api, id).await;
        listener.event().await;
    }
    let topic = belt.topics.name(esteira_events::EventType::OrderCreated);
    let bounds = belt.log.lag(&belt.group, &[&topic]).await.unwrap();
    let full = bounds.iter().find(|lag| lag.end > 0).unwrap();
    belt.log.delete_before(&topic, full.partition, full.end).await.unwrap();
    let answer = refusal(&api, "/q/orders/stream", &first).await;
    assert_eq!((answer.status, &answer.body["code"]), (410, &json!("event_id_expired")));
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    // Of a log that went further than this one.
    let last = listener_id(&api).await;
    let fresh = Belt::embedded().await;
    let answer = refusal(&fresh.api(LIMITS).await, "/q/orders/stream", &last).await;
    assert_eq!(answer.status, 410);
}

/// The id that a stream starts with now.
async fn listener_id(api: &Api) -> String {
    Listener::new(api, "/q/orders/stream").await.1
}

async fn a_slow_client_is_sent_away_and_misses_nothing(belt: Belt) {
    let api = belt.api(LiveLimits { behind: 4, ..LIMITS }).await;
    let (mut slow, _) = Listener::new(&api, "/q/orders/stream").await;
    let (mut other, _) = Listener::new(&api, "/q/orders/stream").await;
    for id in 1..=20 {
        belt.placed(&api, id).await;
        assert_eq!(other.event().await.order().0, id);
    }
    let mut missing: Vec<_> = (1..=20).collect();
    let mut last = String::new();
    while let Some(told) = slow.next().await {
        last = told.id;
        if told.name == "closing" {
            assert_eq!(told.data, json!({ "reason": "slow_client" }));
        } else {
            missing.retain(|id| Some(*id) != told.data["id"].as_i64());
        }
    }
    assert!(!missing.is_empty() && !last.is_empty());
    let (mut back, _) = Listener::after(&api, "/q/orders/stream", Some(&last)).await;
    while !missing.is_empty() {
        let id = back.event().await.order().0;
        missing.retain(|other| *other != id);
    }
}

async fn what_was_missed_and_what_happens_now_come_in_the_order_of_an_order(belt: Belt) {
    let api = belt.api(LIMITS).await;
    let (_, last) = Listener::new(&api, "/q/orders/stream").await;
    for id in 1..=3 {
        belt.placed(&api, id).await;
    }
    let (mut listener, _) = Listener::after(&api, "/q/orders/stream", Some(&last)).await;
    for version in 2..=12 {
        for id in 1..=3 {
            belt.updated(id, version).await;
            show(&api, id, 1, version, "PROCESSING").await;
        }
    }
    let mut seen = [0; 4];
    while seen[1..] != [12, 12, 12] {
        let told = listener.event().await;
        let (id, version, _) = told.order();
        let last = &mut seen[usize::try_from(id).unwrap()];
        assert!(version >= *last, "order {id}: {version} after {last}");
        *last = version;
    }
}

#[tokio::test]
async fn streams_are_limited_and_a_place_comes_free() {
    let belt = Belt::embedded().await;
    let api = belt.api(LiveLimits { streams: 1, ..LIMITS }).await;
    let (listener, id) = Listener::new(&api, "/q/orders/stream").await;
    let answer = plain(&api, "/q/orders/stream").await;
    assert_eq!((answer.status, &answer.body["code"]), (503, &json!("too_many_streams")));
    assert_eq!(answer.headers["retry-after"], "5");
    drop(listener);
    assert_eq!(refusal(&api, "/q/orders/stream", "x").await.status, 400);
    Listener::after(&api, "/q/orders/stream", Some(&id)).await;
}

#[tokio::test]
async fn an_idle_stream_shows_that_it_is_alive_and_where_it_stands() {
    let belt = Belt::embedded().await;
    let api = belt.api(LiveLimits { keep_alive: Duration::from_millis(20), ..LIMITS }).await;
    let (mut listener, first) = Listener::new(&api, "/q/orders/stream?user_id=9").await;
    let alive = listener.event().await;
    assert_eq!((alive.comment.as_str(), &alive.id), ("keep-alive", &first));
    // What is not for this client moves its place on all the same.
    belt.placed(&api, 1).await;
    while listener.event().await.id == first {}
}

#[tokio::test]
async fn the_end_of_the_process_ends_the_streams() {
    let (belt, stop) = (Belt::embedded().await, CancellationToken::new());
    let api = belt.api_until(LIMITS, stop.clone()).await;
    let (mut listener, _) = Listener::new(&api, "/q/orders/stream").await;
    stop.cancel();
    assert_eq!(listener.next().await, None);
}

#[tokio::test]
async fn a_stream_after_the_last_one_ended_is_told_as_the_first() {
    let belt = Belt::embedded().await;
    let api = belt.api(LiveLimits { linger: Duration::ZERO, ..LIMITS }).await;
    for id in 1..=3 {
        let (mut listener, _) = Listener::new(&api, "/q/orders/stream").await;
        belt.placed(&api, id).await;
        while listener.event().await.order().0 != id {}
    }
}

#[tokio::test]
async fn wrong_parameters_are_refused_as_by_the_list() {
    let belt = Belt::embedded().await;
    let api = belt.api(LIMITS).await;
    for (query, field) in
        [("status=LOST", "status"), ("user_id=0", "user_id"), ("limit=1", "limit"), ("sort=id", "sort")]
    {
        let answer = plain(&api, &format!("/q/orders/stream?{query}")).await;
        assert_eq!(answer.refused().0, field);
    }
    for last in ["x", "e30", "-1"] {
        assert_eq!(refusal(&api, "/q/orders/stream", last).await.refused().0, "Last-Event-ID");
    }
}

#[tokio::test]
async fn without_an_event_log_the_missing_setting_is_named() {
    let answer = Api::new().await.get("/q/orders/stream").await;
    assert_eq!((answer.status, &answer.body["code"]), (503, &json!("no_event_log")));
    assert!(answer.body["detail"].as_str().unwrap().contains("KAFKA_BROKERS"));
}
