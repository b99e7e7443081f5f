//! The parts of a request that surround a command.

use std::fmt::Write;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use esteira_aggregate::{Cause, Dedup, IdempotencyKey as ScopedKey, Input, Service};
use esteira_telemetry::TraceContext;
use esteira_web::{IdempotencyKey, IfMatch, NoQuery, Problem, RequestTrace};
use sha2::{Digest, Sha256};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

/// `If-Match`, `Idempotency-Key`, the trace, and the method and path that scope the key. Commands have no query parameters.
#[derive(Clone, Debug)]
pub struct CommandRequest {
    if_match: Option<Vec<i64>>,
    key: Option<String>,
    trace: TraceContext,
    /// Without `/api/v1`: both prefixes are the same resource.
    target: String,
}

impl CommandRequest {
    /// The input for `command`; `body_hash` is the SHA-256 of the body, zeros where there is none.
    pub fn input<S: Service>(self, command: S::Command, body_hash: [u8; 32]) -> Input<S::Command> {
        let dedup = self.key.map_or(Dedup::None, |key| {
            let scope = Sha256::digest(format!("{}\n{}\n{key}", S::NAME, self.target));
            Dedup::Key(ScopedKey { scope: hex(&scope), body_hash: hex(&body_hash) })
        });
        Input { command, dedup, if_match: self.if_match, cause: Cause { trace: Some(self.trace) } }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl<S: Send + Sync> FromRequestParts<S> for CommandRequest {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let NoQuery = NoQuery::from_request_parts(parts, state).await?;
        let IfMatch(if_match) = IfMatch::from_request_parts(parts, state).await?;
        let IdempotencyKey(key) = IdempotencyKey::from_request_parts(parts, state).await?;
        let Ok(RequestTrace(trace)) = RequestTrace::from_request_parts(parts, state).await;
        let target = format!("{} {}", parts.method, parts.uri.path());
        Ok(Self { if_match, key, trace, target })
    }
}

impl IntoParams for CommandRequest {
    fn into_params(parameter_in: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let mut params = IfMatch::into_params(&parameter_in);
        params.extend(IdempotencyKey::into_params(&parameter_in));
        params
    }
}
