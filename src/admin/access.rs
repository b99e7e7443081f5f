//! Who may use the operator's API: whoever has the token; without one, programs on this machine.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use esteira_config::Settings;
use esteira_web::Problem;
use sha2::{Digest, Sha256};

#[derive(Clone)]
pub struct Guard {
    /// The token's hash: comparing hashes takes the same time however much of a guess is right.
    token: Option<[u8; 32]>,
    /// Whether only this machine can reach the listener.
    local: bool,
}

impl Guard {
    pub fn of(settings: &Settings) -> Self {
        let token = settings.admin_token.as_ref().map(|token| hash(token.reveal()));
        Self { token, local: is_loopback(&settings.host) }
    }

    fn refusal(&self, headers: &HeaderMap) -> Option<Problem> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(token) = self.token {
            let given = text(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
            return (given.map(hash) != Some(token)).then(|| {
                let detail =
                    "the operator's API wants Authorization: Bearer and the value of ESTEIRA_ADMIN_TOKEN";
                Problem::new(StatusCode::UNAUTHORIZED, "token_required", detail)
            });
        }
        // A page in a browser on this machine reaches the listener too: under a name of its own, or as another origin.
        let host = text(header::HOST);
        let named = host.is_none_or(|host| is_loopback(without_port(host)));
        let origin = headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or_default());
        let own = origin.is_none_or(|origin| origin.split_once("://").map(|(_, host)| host) == host);
        (!self.local || !named || !own).then(|| {
            let detail = "without ESTEIRA_ADMIN_TOKEN the operator's API answers on a loopback address only";
            Problem::new(StatusCode::FORBIDDEN, "loopback_only", detail)
        })
    }
}

pub async fn check(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    match guard.refusal(request.headers()) {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    }
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

fn without_port(host: &str) -> &str {
    if host.starts_with('[') {
        return host.split_once(']').map_or(host, |(address, _)| address).trim_start_matches('[');
    }
    host.split_once(':').map_or(host, |(name, _)| name)
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
