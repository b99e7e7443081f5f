//! Bearer tokens (RFC 6750): who may use a listener's routes.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;

use crate::attempts::Attempts;
use crate::openapi::{TOO_MANY_WRONG_TOKENS, operations, problem};
use crate::peer::Peer;
use crate::problem::Problem;

const SCHEME: &str = "bearer";

/// The tokens that a setting has; a request needs one of them. There may be several, so that one can be replaced without a
/// moment at which clients are refused. Cloning shares the count of wrong ones.
#[derive(Clone)]
pub struct Bearer {
    /// Hashes: neither how long a token is nor how much of a guess is right shows in the time that comparing takes.
    hashes: Arc<[[u8; 32]]>,
    attempts: Arc<Attempts>,
    setting: &'static str,
}

impl Bearer {
    /// `setting` is the name of the setting that has the tokens, for the refusal.
    pub fn new<'t>(setting: &'static str, tokens: impl IntoIterator<Item = &'t str>) -> Self {
        Self { hashes: tokens.into_iter().map(hash).collect(), attempts: Arc::default(), setting }
    }

    /// Whether `token` is one of ours. Too many wrong ones from one address are a 429 for a while; a right one never is, for
    /// behind a proxy all clients have one address.
    ///
    /// # Errors
    /// 429 `too_many_requests`.
    pub fn admits(&self, token: &str, peer: IpAddr) -> Result<bool, Problem> {
        let (now, given) = (Instant::now(), hash(token));
        let one_is_right =
            self.hashes.iter().fold(Choice::from(0), |right, ours| right | ours[..].ct_eq(&given[..]));
        if bool::from(one_is_right) {
            return Ok(true);
        }
        if let Some(wait) = self.attempts.wait(peer, now) {
            let detail = "too many wrong tokens came from this address";
            return Err(Problem::too_many_requests(detail, wait));
        }
        tracing::warn!(%peer, setting = self.setting, "a wrong token was given");
        self.attempts.wrong(peer, now);
        Ok(false)
    }

    /// Why a request may not go on.
    ///
    /// # Errors
    /// 401 `token_required` without a right token, 429 after too many wrong ones.
    pub fn check(&self, headers: &HeaderMap, peer: IpAddr) -> Result<(), Problem> {
        let given = match bearer(headers) {
            Some(token) if self.admits(token, peer)? => return Ok(()),
            given => given,
        };
        let challenge = if given.is_some() {
            "Bearer realm=\"esteira\", error=\"invalid_token\""
        } else {
            "Bearer realm=\"esteira\""
        };
        let detail = format!("this wants Authorization: Bearer and the value of {}", self.setting);
        Err(Problem::new(StatusCode::UNAUTHORIZED, "token_required", detail)
            .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge)))
    }

    /// Puts this before every route of `api`, and says so in its document.
    #[must_use]
    pub fn guard(self, api: OpenApiRouter) -> OpenApiRouter {
        let mut api = api.route_layer(from_fn_with_state(self, guarded));
        let document = api.get_openapi_mut();
        let components = document.components.get_or_insert_default();
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        components.security_schemes.insert(SCHEME.to_owned(), scheme.into());
        operations(document).for_each(describe);
        api
    }
}

fn describe(operation: &mut Operation) {
    let needed = SecurityRequirement::new::<_, [&str; 0], &str>(SCHEME, []);
    operation.security.get_or_insert_default().push(needed);
    for (status, description) in [("401", "No token, or a wrong one"), ("429", TOO_MANY_WRONG_TOKENS)] {
        let response = problem(description);
        operation.responses.responses.insert(status.to_owned(), response.into());
    }
}

async fn guarded(State(bearer): State<Bearer>, Peer(peer): Peer, request: Request, next: Next) -> Response {
    match bearer.check(request.headers(), peer) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// The token of `Authorization: Bearer`.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}
