//! The document port of the denormalized views: MongoDB wire protocol and SQLite.
//!
//! [`Views`] is the port; [`MongoViews`] and [`SqliteViews`] are its adapters, and one suite of contract tests
//! (`tests/it`) holds both to the same answers. The view models and the collections they live in are beside them.

mod models;
mod mongo;
mod port;
mod sqlite;

pub use models::belt::{APPLIED, PARKED, TOMBSTONES, Tombstone, tombstone_id};
pub use models::go::{GO_PROCESSED, GoProcessed, TAKEOVERS, Takeover};
pub use models::orders::{ORDERS, OrderItemView, OrderView, ProductFacet, UserFacet};
pub use models::products::{PRODUCTS, ProductView};
pub use models::users::{USERS, UserView};
pub use models::{ALL_COLLECTIONS, from_document, to_document};
pub use mongo::MongoViews;
pub use port::collection::{Collection, Index};
pub use port::document::{DocId, Document, REVISION, VERSION};
pub use port::error::ViewsError;
pub use port::query::{Filter, Query, Scalar, Sort, rfc3339};
pub use port::write::{Guard, MAX_DOCUMENT_BYTES, Outcome, Write};
pub use port::{Fields, Views, ViewsDescription};
pub use sqlite::SqliteViews;
