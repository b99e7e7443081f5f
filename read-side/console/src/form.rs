//! What a form has sent.

use axum::body::{Body, to_bytes};
use esteira_web::Problem;
use http_body_util::LengthLimitError;

/// The most bytes of a form.
const FORM_BYTES: usize = 64 * 1024;

/// Fields and their values, in the form's order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    pub(crate) fn of(pairs: &[(String, String)]) -> Self {
        Self(pairs.to_vec())
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Self, ()> {
        serde_urlencoded::from_bytes(bytes).map(Self).map_err(drop)
    }

    /// # Errors
    /// 413 for one that is too large, 400 `unreadable_form`.
    pub(crate) async fn receive(body: Body) -> Result<Self, Problem> {
        let unreadable = || Problem::bad_request("unreadable_form", "the form cannot be read");
        let bytes = to_bytes(body, FORM_BYTES).await.map_err(|error| {
            let too_large = error.into_inner().is::<LengthLimitError>();
            if too_large { Problem::body_too_large(FORM_BYTES) } else { unreadable() }
        })?;
        Self::read(&bytes).map_err(|()| unreadable())
    }

    /// The value of `field`, without the space around it; empty where it was not sent.
    pub(crate) fn text(&self, field: &str) -> &str {
        self.0.iter().find(|(name, _)| name == field).map_or("", |(_, value)| value.trim())
    }

    /// The values of a field that may come more than once.
    pub(crate) fn all(&self, field: &str) -> Vec<&str> {
        self.0.iter().filter(|(name, _)| name == field).map(|(_, value)| value.as_str()).collect()
    }

    /// Why something is given up, which must be said.
    pub(crate) fn reason(&self) -> Result<&str, Problem> {
        match self.text("reason") {
            "" => Err(Problem::invalid_field("reason", "", "must say why it is given up")),
            reason => Ok(reason),
        }
    }
}
