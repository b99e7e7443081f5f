//! The live picture.

use std::time::{Duration, Instant};

use axum::body::BodyDataStream;
use axum::http::Method;
use esteira_events::EventType;
use esteira_testkit::eventually;
use futures::StreamExt;

use crate::fixture::{Fixture, user};

async fn stream(fixture: &Fixture, path: &str) -> BodyDataStream {
    let response = fixture.send(Method::GET, path, String::new(), |_| {}).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    response.into_body().into_data_stream()
}

/// What comes next.
async fn next(stream: &mut BodyDataStream) -> String {
    let next = tokio::time::timeout(esteira_testkit::DEADLINE, stream.next()).await.unwrap();
    String::from_utf8(next.unwrap().unwrap().to_vec()).unwrap()
}

/// Reads on until `told` holds of a picture.
async fn until(stream: &mut BodyDataStream, told: impl Fn(&str) -> bool) {
    let started = Instant::now();
    loop {
        let seen = next(stream).await;
        if told(&seen) {
            return;
        }
        assert!(started.elapsed() < esteira_testkit::DEADLINE, "not told: {seen}");
    }
}

#[tokio::test]
async fn the_belt_shows_what_waits_and_why() {
    let fixture = Fixture::new().await;
    let calm = fixture.get("/").await;
    calm.shows("Nothing.").shows("No dispatcher is at work.").shows("0 to publish, 0 to apply.");
    let value = user(EventType::UserCreated, 1, 1, "Ana");
    fixture.stored(EventType::UserCreated, 1, 1, &value).await;
    fixture.execute("update outbox set attempts = 3, last_error = 'too <large>', created_at = '2026-11-22T12:00:00.000Z'").await;
    fixture.dead_letter().await;
    fixture.health.stage("projector").failed("it <broke>");
    let mut stream = stream(&fixture, "/stream").await;
    let told = [
        "too &lt;large&gt;",
        "it &lt;broke&gt;",
        "query-consumer has given up 1",
        "no dispatcher has 16 of the 16 slots",
        "1 to publish",
    ];
    until(&mut stream, |seen| told.iter().all(|text| seen.contains(text))).await;
}

#[tokio::test]
async fn rates_come_with_the_second_look() {
    let fixture = Fixture::new().await;
    let mut stream = stream(&fixture, "/stream").await;
    next(&mut stream).await;
    fixture.user(1, "Ana").await;
    until(&mut stream, |seen| seen.contains("stored/s") && seen.contains(" moving")).await;
}

#[tokio::test]
async fn an_engine_that_is_away_is_told_in_its_place() {
    let fixture = Fixture::new().await;
    fixture.views.goes_away();
    let page = fixture.get("/").await;
    page.shows("The views do not answer").shows("&lt;b&gt;gone&lt;/b&gt;").shows("Outbox");
}

/// The log answers, although what its readers have set aside cannot be asked for.
#[tokio::test]
async fn an_engine_that_hangs_hides_no_other() {
    let fixture = Fixture::new().await;
    fixture.user(1, "Ana").await;
    fixture.views.hangs();
    let page = fixture.get("/").await;
    page.shows("The views do not answer").shows("no answer from the views within 3 s");
    page.shows("Records</dt><dd>1<").shows("no answer from the store of what is set aside");
    assert!(!page.body.contains("The event log does not answer"), "{}", page.body);
}

#[tokio::test]
async fn viewers_share_one_look_and_nobody_looks_when_they_are_gone() {
    let fixture = Fixture::new().await;
    let started = Instant::now();
    let mut viewers = Vec::new();
    for _ in 0..8 {
        viewers.push(stream(&fixture, "/stream").await);
    }
    for viewer in &mut viewers {
        for _ in 0..3 {
            next(viewer).await;
        }
    }
    let (looks, seconds) = (fixture.views.looks(), started.elapsed().as_secs());
    assert!(u64::try_from(looks).unwrap() <= seconds + 2, "{looks} looks in {seconds} s");
    drop(viewers);
    let mut last = (fixture.views.looks(), Instant::now());
    eventually("looking ends", || {
        if fixture.views.looks() != last.0 {
            last = (fixture.views.looks(), Instant::now());
        }
        let quiet = last.1.elapsed() > Duration::from_secs(4);
        async move { quiet.then_some(()) }
    })
    .await;
    // And begins again.
    next(&mut stream(&fixture, "/stream").await).await;
    assert!(fixture.views.looks() > last.0);
}

#[tokio::test]
async fn streams_end_with_the_process() {
    let fixture = Fixture::new().await;
    let mut stream = stream(&fixture, "/stream").await;
    next(&mut stream).await;
    fixture.stop.cancel();
    let ended = async { while stream.next().await.is_some() {} };
    tokio::time::timeout(esteira_testkit::DEADLINE, ended).await.unwrap();
}
