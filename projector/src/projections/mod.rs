//! Pure projections: a view and an event give the next view.

mod orders;
mod products;
mod users;

pub(crate) use orders::product_facet;

use esteira_events::{AggregateKind, Event, Payload};
use esteira_views::{
    Collection, Document, ORDERS, OrderView, PRODUCTS, ProductView, USERS, UserView, ViewsError,
    from_document, to_document,
};

/// A view of any kind.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "most views are orders")]
pub enum View {
    User(UserView),
    Product(ProductView),
    Order(OrderView),
}

/// The event does not fit the view, which only an event that was made wrong does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event_type} does not fit {found}")]
pub struct Misfit {
    event_type: &'static str,
    found: &'static str,
}

/// Where the views of an aggregate are kept; reservations have none.
pub(crate) fn collection(kind: AggregateKind) -> Option<&'static Collection> {
    match kind {
        AggregateKind::User => Some(&USERS),
        AggregateKind::Product => Some(&PRODUCTS),
        AggregateKind::Order => Some(&ORDERS),
        AggregateKind::Reservation => None,
    }
}

impl View {
    pub(crate) fn read(kind: AggregateKind, document: Document) -> Result<Option<Self>, ViewsError> {
        match kind {
            AggregateKind::User => from_document(document).map(Self::User).map(Some),
            AggregateKind::Product => from_document(document).map(Self::Product).map(Some),
            AggregateKind::Order => from_document(document).map(Self::Order).map(Some),
            AggregateKind::Reservation => Ok(None),
        }
    }

    pub(crate) fn document(&self) -> Result<Document, ViewsError> {
        match self {
            Self::User(view) => to_document(view),
            Self::Product(view) => to_document(view),
            Self::Order(view) => to_document(view),
        }
    }

    pub fn version(&self) -> i64 {
        match self {
            Self::User(view) => view.version,
            Self::Product(view) => view.version,
            Self::Order(view) => view.version,
        }
    }

    pub(crate) fn set_version(&mut self, version: i64) {
        match self {
            Self::User(view) => view.version = version,
            Self::Product(view) => view.version = version,
            Self::Order(view) => view.version = version,
        }
    }

    /// How many unsequenced events the view has.
    pub(crate) fn revision(&self) -> i64 {
        match self {
            Self::User(view) => view.revision,
            Self::Product(view) => view.revision,
            Self::Order(view) => view.revision,
        }
    }

    pub(crate) fn set_revision(&mut self, revision: i64) {
        match self {
            Self::User(view) => view.revision = revision,
            Self::Product(view) => view.revision = revision,
            Self::Order(view) => view.revision = revision,
        }
    }

    /// The unsequenced events that the view has.
    pub(crate) fn applied(&mut self) -> &mut Option<Vec<String>> {
        match self {
            Self::User(view) => &mut view.applied,
            Self::Product(view) => &mut view.applied,
            Self::Order(view) => &mut view.applied,
        }
    }

    fn name(view: Option<&Self>) -> &'static str {
        match view {
            None => "an aggregate that is not there",
            Some(Self::User(_)) => "a user",
            Some(Self::Product(_)) => "a product",
            Some(Self::Order(_)) => "an order",
        }
    }
}

/// The view after `event`; `None` when the event deletes it. The version is the gate's to set.
pub fn project(view: Option<View>, event: &Event) -> Result<Option<View>, Misfit> {
    let at = event.meta.occurred_at;
    let misfit = Misfit { event_type: event.event_type().as_str(), found: View::name(view.as_ref()) };
    let next = match (&event.payload, view) {
        (Payload::UserCreated(event), None) => Some(View::User(users::created(event, at))),
        (Payload::UserCreated(event) | Payload::UserUpdated(event), Some(View::User(view))) => {
            Some(View::User(users::updated(view, event, at)))
        }
        (Payload::ProductCreated(event), None) => Some(View::Product(products::created(event, at))),
        (Payload::ProductCreated(event) | Payload::ProductUpdated(event), Some(View::Product(view))) => {
            Some(View::Product(products::updated(view, event, at)))
        }
        (Payload::StockReserved(event), Some(View::Product(view))) => {
            Some(View::Product(products::moved(view, event, event.quantity.saturating_neg(), at)))
        }
        (Payload::StockReleased(event), Some(View::Product(view))) => {
            Some(View::Product(products::moved(view, event, event.quantity, at)))
        }
        (Payload::OrderCreated(event), None) => Some(View::Order(orders::created(event, at))),
        (Payload::OrderUpdated(event), Some(View::Order(view))) => {
            Some(View::Order(orders::updated(view, event, at)))
        }
        (Payload::OrderPaid(event), Some(View::Order(view))) => {
            Some(View::Order(orders::paid(view, event, at)))
        }
        (Payload::OrderCanceled(event), Some(View::Order(view))) => {
            Some(View::Order(orders::canceled(view, event, at)))
        }
        (Payload::UserDeleted(_), Some(View::User(_)))
        | (Payload::ProductDeleted(_), Some(View::Product(_)))
        | (Payload::OrderDeleted(_), Some(View::Order(_))) => None,
        // Of a creation that was given up there is no view to go on with.
        (Payload::Skipped(_), view) => view,
        (_, _) => return Err(misfit),
    };
    Ok(next)
}

/// The view after `event` where one of the two is of a Go service, so that their order is not known: a status only ever
/// advances, and what a late event says beside it is kept.
pub(crate) fn project_ahead(view: Option<View>, event: &Event) -> Result<Option<View>, Misfit> {
    let before = view.clone();
    Ok(match (before, project(view, event)?) {
        (Some(View::Order(before)), Some(View::Order(next))) => {
            Some(View::Order(orders::ahead(before, next)))
        }
        (_, next) => next,
    })
}
