//! Who may use the operator's side: whoever has the token; without one, programs and browsers on this machine.
//!
//! Programs send the token with every request. A browser signs in with it once and has a session cookie then, so what it
//! sends to change something must come from a page of ours: the request names its origin, and has the form's token.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use esteira_web::{Bearer, Peer, Problem};
use sha2::{Digest, Sha256};

use crate::session::{self, Sessions};

/// A hash: comparing hashes takes the same time however much of a guess is right.
type Hash = [u8; 32];

#[derive(Clone)]
pub struct Guard {
    tokens: Option<Bearer>,
    /// Whether only this machine can reach the listener.
    local: bool,
    sessions: Arc<Sessions>,
    /// What the tokens of forms are made with; of this process alone.
    secret: String,
}

/// Whoever looks at a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Visitor {
    /// Whether there is a session to end.
    pub(crate) signed_in: bool,
    /// What every form must send back.
    pub(crate) form_token: String,
}

impl Guard {
    /// `host` is what the listener is bound to. Any of `tokens` will do; without any no token is asked for.
    pub fn new<'t>(tokens: impl IntoIterator<Item = &'t str>, host: &str) -> Self {
        let mut tokens = tokens.into_iter().peekable();
        Self {
            tokens: tokens.peek().is_some().then(|| Bearer::new("ESTEIRA_ADMIN_TOKEN", tokens)),
            local: is_loopback(host),
            sessions: Arc::default(),
            secret: session::random(),
        }
    }

    /// Why a program may not use the API.
    fn refusal(&self, headers: &HeaderMap, peer: IpAddr) -> Option<Problem> {
        match &self.tokens {
            Some(tokens) => tokens.check(headers, peer).err(),
            None => self.refusal_without_token(headers),
        }
    }

    /// A page in a browser on this machine reaches the listener too: under a name of its own, or as another origin.
    fn refusal_without_token(&self, headers: &HeaderMap) -> Option<Problem> {
        let host = text(headers, header::HOST);
        let named = host.is_none_or(|host| is_loopback(without_port(host)));
        let own = !headers.contains_key(header::ORIGIN) || is_own_origin(headers);
        if !self.local || !named {
            let to = if self.local { " and to a Host of this machine" } else { "" };
            let detail = format!(
                "without ESTEIRA_ADMIN_TOKEN the operator's side answers on a loopback address{to} only"
            );
            return Some(Problem::new(StatusCode::FORBIDDEN, "loopback_only", detail));
        }
        (!own).then(foreign_origin)
    }

    /// Who asks for a page, or why it is not shown.
    pub(crate) fn visitor(&self, headers: &HeaderMap) -> Result<Visitor, Problem> {
        if self.tokens.is_none() {
            return match self.refusal_without_token(headers) {
                Some(problem) => Err(problem),
                None => Ok(Visitor { signed_in: false, form_token: self.form_token("") }),
            };
        }
        match session::of(headers).filter(|id| self.sessions.is_open(id)) {
            Some(id) => Ok(Visitor { signed_in: true, form_token: self.form_token(id) }),
            None => Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "sign_in_required",
                "sign in with the value of ESTEIRA_ADMIN_TOKEN first",
            )),
        }
    }

    /// Begins a session for whoever has a token; the value of its cookie.
    pub(crate) fn sign_in(&self, token: &str, peer: IpAddr) -> Result<Option<String>, Problem> {
        let Some(tokens) = &self.tokens else { return Ok(None) };
        Ok(tokens.admits(token, peer)?.then(|| self.sessions.begin()))
    }

    pub(crate) fn sign_out(&self, headers: &HeaderMap) {
        if let Some(id) = session::of(headers) {
            self.sessions.end(id);
        }
    }

    fn form_token(&self, session: &str) -> String {
        session::hex(&hash(&format!("{}/{session}", self.secret)))
    }
}

impl Visitor {
    /// Whether `given` is the token of this visitor's forms.
    pub(crate) fn sent(&self, given: &str) -> bool {
        hash(given) == hash(&self.form_token)
    }
}

/// Lets programs use the API that may.
pub async fn check(State(guard): State<Guard>, Peer(peer): Peer, request: Request, next: Next) -> Response {
    match guard.refusal(request.headers(), peer) {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    }
}

/// 403 for a request that a page of somebody else sends.
pub(crate) fn foreign_origin() -> Problem {
    let detail =
        "only a page of this console may ask for this, and the request's Origin names another one or none";
    Problem::new(StatusCode::FORBIDDEN, "foreign_origin", detail)
}

/// Whether a browser says that a page of ours sends the request.
pub(crate) fn is_own_origin(headers: &HeaderMap) -> bool {
    let origin = text(headers, header::ORIGIN).and_then(|origin| origin.split_once("://"));
    origin.is_some_and(|(_, host)| Some(host) == text(headers, header::HOST))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

pub(crate) fn hash(text: &str) -> Hash {
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
