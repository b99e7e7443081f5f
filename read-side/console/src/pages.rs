//! The pages, a file each, and the table of their routes.

mod belt;
mod dead_letters;
mod engines;
mod operations;
mod orders;
mod outbox;
mod records;
pub(crate) mod sign_in;
mod stream;
mod topics;
mod views;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, State};
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodRouter, get, post};

use crate::Desk;
use crate::access::Visitor;

/// What every page is asked with.
pub use dead_letters::LetterFilters;

type On = State<Arc<Desk>>;
type By = Extension<Visitor>;

struct Route {
    method: Method,
    path: &'static str,
    handler: MethodRouter<Arc<Desk>>,
}

fn shows<T: 'static>(path: &'static str, handler: impl Handler<T, Arc<Desk>>) -> Route {
    Route { method: Method::GET, path, handler: get(handler) }
}

fn changes_by<T: 'static>(path: &'static str, handler: impl Handler<T, Arc<Desk>>) -> Route {
    Route { method: Method::POST, path, handler: post(handler) }
}

fn routes() -> Vec<Route> {
    vec![
        shows("/", belt::page),
        shows("/stream", belt::stream),
        shows("/topics", topics::list),
        shows("/topics/{topic}", topics::topic),
        shows("/topics/{topic}/{partition}/{offset}", records::record),
        shows("/views", views::list),
        shows("/views/{collection}", views::collection),
        shows("/views/{collection}/{id}", views::document),
        shows("/orders", orders::find),
        shows("/orders/{id}", orders::journey),
        shows("/dead-letters", dead_letters::list),
        changes_by("/dead-letters/redrive", dead_letters::redrive_all),
        shows("/dead-letters/{topic}/{partition}/{offset}", dead_letters::show),
        changes_by("/dead-letters/{topic}/{partition}/{offset}/redrive", dead_letters::redrive),
        changes_by("/dead-letters/{topic}/{partition}/{offset}/discard", dead_letters::discard),
        shows("/outbox", outbox::list),
        changes_by("/outbox/{id}/retry", outbox::retry),
        changes_by("/outbox/{id}/skip", outbox::skip),
        shows("/engines", engines::page),
        shows("/operations", operations::list),
        changes_by("/operations/rebuild", operations::rebuild),
        changes_by("/operations/verify", operations::verify),
        shows("/operations/{id}", operations::show),
        shows("/operations/{id}/stream", operations::stream),
        changes_by("/operations/{id}/cancel", operations::cancel),
        changes_by("/sign-out", sign_in::sign_out),
    ]
}

pub(crate) fn router() -> Router<Arc<Desk>> {
    routes().into_iter().fold(Router::new(), |router, route| router.route(route.path, route.handler))
}

/// The paths of all that changes something, for tests: no visitor may reach one without its guards.
pub fn changes() -> Vec<&'static str> {
    routes().into_iter().filter(|route| route.method != Method::GET).map(|route| route.path).collect()
}
