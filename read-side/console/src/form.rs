//! What a form has sent.

use esteira_web::Problem;

/// Fields and their values, in the form's order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, ()> {
        serde_urlencoded::from_bytes(bytes).map(Self).map_err(drop)
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
