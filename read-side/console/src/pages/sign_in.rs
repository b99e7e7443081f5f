//! Signing in and out.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use esteira_web::{Peer, Problem};
use maud::{Markup, html};
use serde::Deserialize;

use crate::access::{foreign_origin, is_own_origin};
use crate::form::Form;
use crate::{Desk, layout, session};

/// Outside of the guard, for it is the way in.
pub(crate) fn router() -> Router<Arc<Desk>> {
    Router::new().route("/sign-in", get(ask).post(sign_in))
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    next: String,
}

async fn ask(State(desk): State<Arc<Desk>>, headers: HeaderMap, Query(asked): Query<Asked>) -> Response {
    match desk.console.guard.visitor(&headers) {
        Ok(_) => Redirect::to(local(&asked.next)).into_response(),
        Err(problem) if problem.status_code() == StatusCode::UNAUTHORIZED => {
            form(&asked.next, None).into_response()
        }
        Err(problem) => problem.into_response(),
    }
}

async fn sign_in(
    State(desk): State<Arc<Desk>>,
    Peer(peer): Peer,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    if !is_own_origin(&headers) {
        return Err(foreign_origin());
    }
    let form = Form::receive(body).await?;
    let next = form.text("next");
    let Some(session) = desk.console.guard.sign_in(form.text("token"), peer)? else {
        let page = self::form(next, Some("This is not the value of ESTEIRA_ADMIN_TOKEN."));
        return Ok((StatusCode::FORBIDDEN, page).into_response());
    };
    let cookie = session::cookie(Some(&session), encrypted(&headers));
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(local(next))).into_response())
}

pub(super) async fn sign_out(State(desk): State<Arc<Desk>>, headers: HeaderMap) -> Response {
    desk.console.guard.sign_out(&headers);
    ([(header::SET_COOKIE, session::cookie(None, encrypted(&headers)))], Redirect::to("/sign-in"))
        .into_response()
}

/// Whether the browser came by HTTPS, as a proxy in front of us tells.
fn encrypted(headers: &HeaderMap) -> bool {
    headers.get("x-forwarded-proto").is_some_and(|protocol| protocol == "https")
}

/// A page of this console, whatever was asked for.
fn local(next: &str) -> &str {
    let mut letters = next.chars();
    let is_local = letters.next() == Some('/') && !matches!(letters.next(), Some('/' | '\\'));
    if is_local && next.chars().all(|letter| letter.is_ascii_graphic()) { next } else { "/" }
}

fn form(next: &str, error: Option<&str>) -> Markup {
    layout::bare(
        "Sign in",
        &html! {
            form.card.narrow method="post" action="/sign-in" {
                input type="hidden" name="next" value=(local(next));
                label for="token" { "Admin token" }
                input id="token" name="token" type="password" required autofocus autocomplete="current-password"
                    aria-describedby="token-help" aria-invalid=[error.map(|_| "true")];
                @if let Some(error) = error { p.error role="alert" { (error) } }
                p.quiet id="token-help" { "The value of " code { "ESTEIRA_ADMIN_TOKEN" } ". The session lasts 12 hours." }
                button.primary { "Sign in" }
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_in_leads_to_no_other_site() {
        for other in
            ["https://evil.example", "//evil.example", "/\\evil.example", "", "orders", "/a\r\nb", "/\t/b"]
        {
            assert_eq!(local(other), "/", "{other}");
        }
        assert_eq!(local("/dead-letters?state=open"), "/dead-letters?state=open");
    }
}
