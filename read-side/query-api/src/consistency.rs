//! Waiting for a command's change to be visible.

use std::time::Duration;

use esteira_views::{Collection, DocId, ORDERS, PRODUCTS, TOMBSTONES, USERS, ViewsError, tombstone_id};
use esteira_web::{ConsistencyToken, Problem};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::failure::store_problem;
use crate::state::QueryState;

const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Returns when the view shows `token`'s sequence or a later one, or its aggregate's deletion.
///
/// Past `state.wait`: 503 `not_yet_visible`. A token of an aggregate without a view: 400.
pub(crate) async fn wait_for(state: &QueryState, token: Option<ConsistencyToken>) -> Result<(), Problem> {
    let Some(token) = token else {
        return Ok(());
    };
    let collection = collection(&token)?;
    let deadline = Instant::now() + state.wait;
    let mut projected = state.projected.clone();
    let mut pause = FIRST_PAUSE;
    loop {
        // Seen before looking: what is projected after that ends the pause at once.
        if let Some(projected) = &mut projected {
            projected.mark_unchanged();
        }
        if is_visible(state, collection, &token).await.map_err(store_problem)? {
            return Ok(());
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let detail = format!("{token} is not visible yet");
            return Err(Problem::unavailable("not_yet_visible", detail, RETRY_AFTER));
        }
        rest(&mut projected, pause.min(left)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn collection(token: &ConsistencyToken) -> Result<&'static Collection, Problem> {
    match token.aggregate.as_str() {
        "user" => Ok(&USERS),
        "product" => Ok(&PRODUCTS),
        "order" => Ok(&ORDERS),
        _ => Err(Problem::invalid_field(
            "X-Consistency-Token",
            token.to_string(),
            "must name a user, product or order, as user:7:1",
        )),
    }
}

/// The tombstone is written before its document is deleted, so that it is read second.
async fn is_visible(
    state: &QueryState,
    collection: &Collection,
    token: &ConsistencyToken,
) -> Result<bool, ViewsError> {
    let tombstone = tombstone_id(&token.aggregate, token.id);
    for (collection, id) in [(collection, DocId::Int(token.id)), (&TOMBSTONES, tombstone)] {
        let found = state.views.get(collection, &[id]).await?;
        if found.iter().any(|document| document.version() >= token.sequence) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Rests for `pause`, or until the projector of this process has written.
pub(crate) async fn rest(projected: &mut Option<watch::Receiver<u64>>, pause: Duration) {
    let Some(receiver) = projected else {
        return sleep(pause).await;
    };
    let projector_is_gone = tokio::select! {
        () = sleep(pause) => false,
        changed = receiver.changed() => changed.is_err(),
    };
    if projector_is_gone {
        *projected = None;
    }
}
