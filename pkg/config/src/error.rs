//! Why the program does not start: one line that names the setting.

use std::path::PathBuf;

use crate::report::Origin;

/// A setting that cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// A value that is not allowed; a secret one is not shown.
    #[error("{name} ({origin}): {shown} is not allowed{reason}; allowed: {allowed}")]
    NotAllowed {
        /// The setting.
        name: String,
        /// Where the value comes from.
        origin: Origin,
        /// The value in quotes, or `the value` of a secret.
        shown: String,
        /// What is wrong with it, beginning with `: `, or nothing.
        reason: String,
        /// What is allowed.
        allowed: String,
    },
    /// A setting that another one makes necessary or pointless.
    #[error("{name}: {problem}")]
    Inconsistent {
        /// The setting to change.
        name: &'static str,
        /// What does not fit together.
        problem: String,
    },
    /// An `ESTEIRA_*` variable or a key in the file that is no setting.
    #[error("{name} ({origin}) is no setting; the nearest is {nearest}")]
    Unknown {
        /// The name as it was given.
        name: String,
        /// Where it was given.
        origin: Origin,
        /// The most similar name.
        nearest: String,
    },
    /// The same setting twice in the file, in two spellings.
    #[error("{name} ({origin}) is given twice")]
    Twice {
        /// The key.
        name: String,
        /// The file.
        origin: Origin,
    },
    /// A variable whose value is not UTF-8.
    #[error("{name} (environment): the value is not UTF-8")]
    NotUtf8 {
        /// The variable.
        name: String,
    },
    /// A file that is not there or not TOML.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, in one line.
        problem: String,
    },
}
