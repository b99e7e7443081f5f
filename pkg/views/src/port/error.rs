use thiserror::Error;

/// Why a store did not do what was asked.
#[derive(Clone, Debug, Error)]
pub enum ViewsError {
    /// The store is away or busy: pause and try again, nothing is wrong with the input.
    #[error("the views store is unavailable: {0}")]
    Unavailable(String),
    /// The store refuses this input and would refuse it again, as a document that is too large.
    #[error("the views store refuses this input: {0}")]
    Rejected(String),
}

impl ViewsError {
    /// Whether the same call may succeed later.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}
