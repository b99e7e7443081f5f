//! Who sees pages, and who changes something.

use axum::http::{Method, StatusCode, header};
use esteira_console::{Guard, changes};

use crate::fixture::{Fixture, HOST, ORIGIN, TOKEN, read};

const FOREIGN: [&str; 4] =
    ["http://evil.example", "null", "http://127.0.0.1:8081", "http://127.0.0.1:8087.evil.example"];

const PAGES: [&str; 9] =
    ["/", "/stream", "/topics", "/views", "/orders/1", "/dead-letters", "/outbox", "/engines", "/operations"];

/// Every route that changes something, with a place that is there.
async fn changing(fixture: &Fixture) -> Vec<String> {
    let letter = fixture.dead_letter().await;
    let (topic, place) = letter.split_once('/').unwrap();
    let (partition, offset) = place.split_once('/').unwrap();
    let fill = |path: &str| {
        path.replace("{topic}", topic)
            .replace("{partition}", partition)
            .replace("{offset}", offset)
            .replace("{id}", "1")
    };
    let paths: Vec<String> = changes().into_iter().map(fill).collect();
    assert!(paths.len() >= 9 && paths.iter().all(|path| !path.contains('{')), "{paths:?}");
    paths
}

/// Nothing was handed in, given up or started.
async fn nothing_has_changed(fixture: &Fixture) {
    fixture.get("/dead-letters").await.shows("state-open");
    fixture.get("/operations").await.shows("Nothing.");
}

#[tokio::test]
async fn without_a_token_a_change_must_come_from_a_page_of_ours() {
    let fixture = Fixture::new().await;
    let token = fixture.form_token().await;
    assert_eq!(token.len(), 64);
    let full = [("form_token", token.as_str()), ("reason", "x"), ("view", "users"), ("token", "x")];
    for path in changing(&fixture).await {
        for origin in FOREIGN.iter().copied().chain([""]) {
            let answer = fixture.post_from(&path, origin, &full).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} from {origin:?}: {}", answer.body);
        }
        for wrong in ["", "0", &token[1..]] {
            let answer = fixture.post_from(&path, ORIGIN, &[("form_token", wrong), ("reason", "x")]).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} with {wrong:?}");
            answer.shows("stale_form");
        }
    }
    nothing_has_changed(&fixture).await;
}

#[tokio::test]
async fn with_a_token_a_change_needs_a_session_and_a_page_of_ours() {
    let mut fixture = Fixture::with_token().await;
    fixture.sign_in().await;
    let paths = changing(&fixture).await;
    let token = fixture.form_token().await;
    let form = [("form_token", token.as_str()), ("reason", "x"), ("view", "users")];
    for path in &paths {
        for origin in FOREIGN.iter().copied().chain([""]) {
            let answer = fixture.post_from(path, origin, &form).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} from {origin:?}");
        }
        let answer = fixture.post_from(path, ORIGIN, &[("reason", "x"), ("view", "users")]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} without the form's token");
    }
    let session = fixture.cookie.take();
    for wrong in [None, Some("esteira_session=".to_owned()), Some("esteira_session=0123".to_owned())] {
        fixture.cookie = wrong;
        for path in &paths {
            let answer = fixture.post_from(path, ORIGIN, &form).await;
            // A browser is sent to sign in, and what it sent is lost.
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
            assert_eq!(answer.location(), "/sign-in?next=%2F");
        }
    }
    fixture.cookie = session;
    nothing_has_changed(&fixture).await;
}

#[tokio::test]
async fn the_token_of_another_session_is_no_token_of_this_one() {
    let mut fixture = Fixture::with_token().await;
    fixture.sign_in().await;
    let first = fixture.form_token().await;
    fixture.sign_in().await;
    let answer = fixture.post_from("/operations/verify", ORIGIN, &[("form_token", &first)]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    answer.shows("stale_form");
}

#[tokio::test]
async fn no_page_is_shown_before_signing_in() {
    let fixture = Fixture::with_token().await;
    for path in PAGES {
        let answer = fixture.get(path).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
        assert!(answer.location().starts_with("/sign-in?next=%2F"), "{}", answer.location());
        let program = |headers: &mut axum::http::HeaderMap| {
            headers.insert(header::ACCEPT, "text/event-stream".parse().unwrap());
        };
        let answer = read(fixture.send(Method::GET, path, String::new(), program).await).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[tokio::test]
async fn whoever_has_the_token_signs_in_and_out() {
    let mut fixture = Fixture::with_token().await;
    fixture.get("/sign-in?next=%2Fengines").await.shows("value=\"/engines\"");
    for wrong in ["", "a long", "a long token ", "A long token"].iter().filter(|wrong| wrong.trim() != TOKEN)
    {
        let answer = fixture.post_from("/sign-in", ORIGIN, &[("token", wrong)]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{wrong:?}");
        assert!(!answer.headers.contains_key(header::SET_COOKIE));
        answer.shows("role=\"alert\"");
    }
    for origin in FOREIGN.iter().copied().chain([""]) {
        let answer = fixture.post_from("/sign-in", origin, &[("token", TOKEN)]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{origin:?}");
    }
    let form = [("token", TOKEN), ("next", "/engines")];
    let answer = fixture.post_from("/sign-in", ORIGIN, &form).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/engines"));
    let cookie = answer.headers[header::SET_COOKIE].to_str().unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains(TOKEN) && !cookie.contains("Secure"));
    let answer = fixture.post_from("/sign-in", ORIGIN, &[("token", TOKEN), ("next", "//evil.example")]).await;
    assert_eq!(answer.location(), "/");

    fixture.sign_in().await;
    fixture.get("/engines").await.shows("Sign out");
    assert_eq!(fixture.get("/sign-in?next=%2Fviews").await.location(), "/views");
    let answer = fixture.post("/sign-out", &[]).await;
    assert!(answer.headers[header::SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(fixture.get("/engines").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn behind_tls_the_cookie_is_for_tls_only() {
    let fixture = Fixture::with_token().await;
    let body = serde_urlencoded::to_string([("token", TOKEN)]).unwrap();
    let proxied = |headers: &mut axum::http::HeaderMap| {
        headers.insert(header::HOST, "console.example".parse().unwrap());
        headers.insert(header::ORIGIN, "https://console.example".parse().unwrap());
        headers.insert("x-forwarded-proto", "https".parse().unwrap());
    };
    let answer = read(fixture.send(Method::POST, "/sign-in", body, proxied).await).await;
    assert!(answer.headers[header::SET_COOKIE].to_str().unwrap().ends_with("; Secure"));
}

#[tokio::test]
async fn without_a_token_pages_are_for_this_machine() {
    let fixture = Fixture::new().await;
    for (host, expected) in [
        (HOST, 200),
        ("localhost:8087", 200),
        ("[::1]:8087", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
    ] {
        let named =
            |headers: &mut axum::http::HeaderMap| drop(headers.insert(header::HOST, host.parse().unwrap()));
        let response = fixture.send(Method::GET, "/operations", String::new(), named).await;
        assert_eq!(response.status(), expected, "{host}");
        if expected == 403 {
            read(response).await.shows("to a Host of this machine only");
        }
    }
    let open = Fixture::guarded_by(Guard::new([], "0.0.0.0")).await;
    for path in PAGES {
        let answer = open.get(path).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        answer.shows("ESTEIRA_ADMIN_TOKEN");
    }
    assert_eq!(open.post_from("/sign-in", ORIGIN, &[("token", "")]).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_form_of_another_page_is_told_that_its_origin_is_foreign() {
    let fixture = Fixture::new().await;
    for origin in FOREIGN {
        let answer = fixture.post_from("/operations/verify", origin, &[]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{origin}");
        answer.shows("foreign_origin");
    }
}

#[tokio::test]
async fn a_form_that_is_too_large_is_a_413() {
    let fixture = Fixture::new().await;
    let token = fixture.form_token().await;
    let large = "x".repeat(70_000);
    for path in ["/operations/verify", "/sign-in"] {
        let answer = fixture.post_from(path, ORIGIN, &[("form_token", &token), ("token", &large)]).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{path}");
        answer.shows("body_too_large").shows("65536 bytes");
    }
    fixture.get("/operations").await.shows("Nothing.");
}

#[tokio::test]
async fn every_answer_forbids_what_a_page_does_not_need() {
    let fixture = Fixture::new().await;
    let page = fixture.get("/operations").await;
    let style = page.body.split("rel=\"stylesheet\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    let script = page.body.split("defer src=\"").nth(1).unwrap().split('"').next().unwrap();
    for path in ["/operations", "/nothing", "/sign-in", "/orders/99", style, script] {
        let answer = fixture.get(path).await;
        let policy = answer.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("form-action 'self'"));
        assert_eq!(answer.headers[header::X_FRAME_OPTIONS], "DENY", "{path}");
        assert_eq!(answer.headers[header::REFERRER_POLICY], "same-origin", "{path}");
        assert_eq!(answer.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
    }
    assert_eq!(page.headers[header::CACHE_CONTROL], "no-store");
    assert!(fixture.get(style).await.headers[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
    assert_eq!(
        page.body.matches("<script").count(),
        page.body.matches("<script defer src=\"/assets/").count()
    );
    assert!(!page.body.contains("style=\"") && !page.body.contains("onclick"));
}

#[tokio::test]
async fn after_many_wrong_tokens_guessing_has_to_wait_and_signing_in_has_not() {
    let fixture = Fixture::with_token().await;
    for _ in 0..10 {
        let answer = fixture.post_from("/sign-in", ORIGIN, &[("token", "wrong")]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
    }
    let answer = fixture.post_from("/sign-in", ORIGIN, &[("token", "wrong")]).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(
        answer.headers.contains_key(header::RETRY_AFTER) && !answer.headers.contains_key(header::SET_COOKIE)
    );
    let answer = fixture.post_from("/sign-in", ORIGIN, &[("token", TOKEN)]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn whoever_is_signed_in_goes_on_while_others_guess() {
    let mut fixture = Fixture::with_token().await;
    fixture.sign_in().await;
    for _ in 0..11 {
        fixture.post_from("/sign-in", ORIGIN, &[("token", "wrong")]).await;
    }
    assert_eq!(fixture.get("/operations").await.status, StatusCode::OK);
}
