//! The operator's API as the tools call it: of the running platform, or within the tool.

use anyhow::{Context, bail};
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use axum::response::Response;
use esteira_config::Settings;
use esteira_telemetry::Health;
use esteira_web::{Limits, Problem, protect};
use http_body_util::BodyExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tower::ServiceExt;

use super::{Admin, Line};
use crate::platform::{Engines, Needs, held_elsewhere, migrate, send};

/// Why the operator's API did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub struct Refusal {
    pub status: StatusCode,
    detail: String,
}

/// Where the operator's API answers.
pub enum Client {
    /// Here, on engines that nobody else holds.
    Here { router: axum::Router, engines: Box<Engines> },
    /// In the process that holds the data directory.
    There { host: String, port: u16, token: Option<String> },
}

impl Client {
    pub async fn open(settings: &Settings) -> anyhow::Result<Self> {
        if held_elsewhere(settings)? {
            let token = settings.admin_token.as_ref().map(|tokens| tokens.first().reveal().to_owned());
            return Ok(Self::There { host: settings.host.clone(), port: settings.console_port, token });
        }
        let engines = Engines::open(settings, Needs::all()).await?;
        migrate(engines.store()?).await?;
        engines.views()?.prepare(esteira_views::ALL_COLLECTIONS).await?;
        // Whoever reaches the engines needs no token of the API in front of them.
        let (routes, _) = Admin::new(settings, &engines, Health::new())?.routes().split_for_parts();
        Ok(Self::Here { router: protect(routes, &Limits::default()), engines: Box::new(engines) })
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        answer(self.send(Method::GET, path, None::<&Value>).await?).await
    }

    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> anyhow::Result<T> {
        answer(self.send(Method::POST, path, Some(body)).await?).await
    }

    /// Posts what takes long; `each` is told how far it is.
    pub async fn follow<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        mut each: impl FnMut(T),
    ) -> anyhow::Result<T> {
        let response = self.send(Method::POST, path, Some(body)).await?;
        if response.status() != StatusCode::OK {
            return answer(response).await;
        }
        let mut frames = response.into_body();
        let mut rest = Vec::new();
        while let Some(frame) = frames.frame().await {
            let Ok(data) = frame.context("the platform stopped in the middle")?.into_data() else { continue };
            rest.extend_from_slice(&data);
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = rest.drain(..=end).collect();
                match serde_json::from_slice(&line)? {
                    Line::Progress(progress) => each(progress),
                    Line::Done(done) => return Ok(done),
                    Line::Failed(problem) => {
                        let status = problem.status_code();
                        return Err(Refusal { status, detail: problem.detail.clone() }.into());
                    }
                }
            }
        }
        bail!("the platform stopped in the middle")
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> anyhow::Result<Response> {
        let mut request = Request::builder().method(method).uri(path);
        let body = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(serde_json::to_vec(body)?)
            }
            None => Body::empty(),
        };
        match self {
            Self::Here { router, .. } => Ok(router.clone().oneshot(request.body(body)?).await?),
            Self::There { host, port, token } => {
                if let Some(token) = token {
                    request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
                }
                send(host, *port, request.body(body)?).await.context(
                    "another esteira holds the data directory; ESTEIRA_CONSOLE_PORT says where it is asked",
                )
            }
        }
    }

    /// Closes the engines, if they are here.
    pub async fn close(self) {
        if let Self::Here { engines, .. } = self {
            engines.close().await;
        }
    }
}

async fn answer<T: DeserializeOwned>(response: Response) -> anyhow::Result<T> {
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    if status.is_success() {
        return serde_json::from_slice(&body).context("the platform gave another answer than expected");
    }
    let detail = match serde_json::from_slice::<Problem>(&body) {
        Ok(problem) => problem.detail.clone(),
        Err(_) => format!("the platform answered {status}"),
    };
    Err(Refusal { status, detail }.into())
}
