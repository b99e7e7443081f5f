//! Long work tells how far it is: an answer of JSON lines, the last one with the outcome.

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use esteira_web::Problem;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line<T> {
    Progress(T),
    Done(T),
    Failed(Problem),
}

/// Runs `work` as long as somebody reads; it sends what it has done so far.
pub fn lines<T, F>(work: impl FnOnce(mpsc::UnboundedSender<Line<T>>) -> F) -> Response
where
    T: Serialize + Send + 'static,
    F: Future<Output = Result<T, Problem>> + Send + 'static,
{
    let (sender, receiver) = mpsc::unbounded_channel();
    let outcome = sender.clone();
    let work = work(sender);
    let running = AbortOnDropHandle::new(tokio::spawn(async move {
        let last = match work.await {
            Ok(done) => Line::Done(done),
            Err(problem) => Line::Failed(problem),
        };
        // Nobody reads any more.
        let _ = outcome.send(last);
    }));
    let lines = futures::stream::unfold((receiver, running), |(mut receiver, running)| async {
        let line = receiver.recv().await?;
        let text = serde_json::to_vec(&line).map(|mut text| {
            text.push(b'\n');
            Bytes::from(text)
        });
        Some((text, (receiver, running)))
    });
    ([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response()
}
