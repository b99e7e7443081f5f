use super::Fields;
use super::collection::Collection;
use super::document::DocId;
use super::error::ViewsError;

/// The largest document that MongoDB stores; both adapters refuse more.
pub const MAX_DOCUMENT_BYTES: usize = 16 * 1024 * 1024;

/// What must be true of the stored document for a put to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// There is no document with this id.
    Absent,
    /// The document is there with this version; 0 means one without a version, as the Go projector wrote them.
    Version(i64),
    /// The document is there with this version and this revision, each 0 where it has none: no writer came between,
    /// not even one that leaves the version alone.
    Unchanged { version: i64, revision: i64 },
}

/// A change of one document.
#[derive(Clone, Debug)]
pub enum Write {
    /// Sets top-level fields if the guard holds. Fields that are not named keep their value, null removes.
    Put { collection: &'static Collection, id: DocId, guard: Guard, set: Fields },
    /// Deletes the document, with a guard only while it has this version.
    Delete { collection: &'static Collection, id: DocId, guard: Option<i64> },
    /// Sets top-level fields whether or not the document is there: tombstones and parked records.
    Upsert { collection: &'static Collection, id: DocId, set: Fields },
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done. For a delete: the document is not there, whether or not it was before.
    Applied,
    /// The guard did not hold and nothing changed.
    Stale,
}

impl Write {
    pub(crate) fn target(&self) -> (&'static Collection, &DocId) {
        match self {
            Self::Put { collection, id, .. }
            | Self::Delete { collection, id, .. }
            | Self::Upsert { collection, id, .. } => (collection, id),
        }
    }

    /// Upserts, then puts, then deletes, each with its position in the call.
    pub(crate) fn in_order(writes: &[Self]) -> Vec<(usize, &Self)> {
        let mut ordered: Vec<_> = writes.iter().enumerate().collect();
        ordered.sort_by_key(|(_, write)| match write {
            Self::Upsert { .. } => 0,
            Self::Put { .. } => 1,
            Self::Delete { .. } => 2,
        });
        ordered
    }

    /// Top-level names only: MongoDB would read a dot as a path and a dollar sign as an operator.
    pub(crate) fn check(&self) -> Result<(), ViewsError> {
        let (Self::Put { set, .. } | Self::Upsert { set, .. }) = self else {
            return Ok(());
        };
        let unfit = |name: &&String| {
            name.is_empty() || *name == "_id" || name.starts_with('$') || name.contains(['.', '\0'])
        };
        match set.keys().find(unfit) {
            Some(name) => Err(ViewsError::Rejected(format!("`{name}` is not the name of a top-level field"))),
            None => Ok(()),
        }
    }
}
