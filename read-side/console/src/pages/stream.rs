//! What changes while it is looked at: the same markup again and again, as server-sent events.

use std::convert::Infallible;

use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use maud::Markup;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What one value becomes.
pub(super) enum Told {
    /// Nothing to show yet.
    Nothing,
    Shown(Markup),
    /// And nothing will change any more.
    Last(Markup),
}

/// Every value of `values` as `tell` shows it, until the last one or the end of the process.
pub(super) fn stream<T: Send + Sync + 'static>(
    values: watch::Receiver<T>,
    stop: CancellationToken,
    tell: impl Fn(&T) -> Told + Send + 'static,
) -> impl IntoResponse {
    Sse::new(events(values, stop, tell)).keep_alive(KeepAlive::default())
}

fn events<T: Send + Sync + 'static>(
    mut values: watch::Receiver<T>,
    stop: CancellationToken,
    tell: impl Fn(&T) -> Told + Send + 'static,
) -> impl Stream<Item = Result<Event, Infallible>> {
    values.mark_changed();
    futures::stream::unfold(Some((values, stop, tell)), |state| async {
        let (mut values, stop, tell) = state?;
        loop {
            stop.run_until_cancelled(values.changed()).await?.ok()?;
            let told = tell(&values.borrow_and_update());
            match told {
                Told::Nothing => {}
                Told::Shown(markup) => {
                    let event = Event::default().data(markup.into_string());
                    return Some((Ok(event), Some((values, stop, tell))));
                }
                Told::Last(markup) => {
                    let event = Event::default().event("last").data(markup.into_string());
                    return Some((Ok(event), None));
                }
            }
        }
    })
}
