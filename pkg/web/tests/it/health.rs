//! The health routes.

use esteira_telemetry::Health;
use esteira_web::health_routes;

use crate::client::{Answer, get};

async fn ask(health: &Health, path: &str) -> Answer {
    get(health_routes(health.clone()).into(), path).await
}

#[tokio::test]
async fn healthz_answers_as_go_did() {
    let answer = ask(&Health::new(), "/healthz").await;
    assert_eq!((answer.status.as_u16(), &answer.json["status"]), (200, &"ok".into()));
    let timestamp = answer.json["timestamp"].as_str().unwrap();
    assert_eq!(
        (timestamp.len(), timestamp.ends_with('Z')),
        ("2026-11-22T12:43:00Z".len(), true),
        "{timestamp}"
    );
}

#[tokio::test]
async fn readyz_follows_the_stages_and_livez_does_not() {
    let health = Health::new();
    let stage = health.stage("dispatcher");
    let starting = ask(&health, "/readyz").await;
    assert_eq!((starting.status.as_u16(), &starting.json["status"]), (503, &"not_ready".into()));
    assert_eq!(ask(&health, "/livez").await.status.as_u16(), 200);
    stage.ready();
    let ready = ask(&health, "/readyz").await;
    assert_eq!((ready.status.as_u16(), &ready.json["status"]), (200, &"ready".into()));
}

#[tokio::test]
async fn readyz_says_why_a_stage_is_not_ready() {
    let health = Health::new();
    health.stage("projector").ready();
    health.stage("dispatcher").paused("kafka is away");
    let stages = ask(&health, "/readyz").await.json["stages"].clone();
    assert_eq!((&stages[0]["name"], &stages[0]["state"]), (&"projector".into(), &"ready".into()));
    assert_eq!((&stages[1]["state"], &stages[1]["reason"]), (&"paused".into(), &"kafka is away".into()));
    assert!(stages[1]["since"].is_string());
}
