//! How the program ends: the one place that gives exit codes their meaning.

use std::error::Error;
use std::fmt::Write as _;
use std::process::ExitCode;

use axum::http::StatusCode;
use esteira_config::ConfigError;

use crate::admin::Refusal;
use crate::commands::print::Unwritable;

/// An exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done,
    Found,
    Usage,
    Failed,
    Interrupted,
    Unread,
}

/// A setting that this subcommand cannot do without, or not with what it is.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WrongSetting(pub String);

/// `error` and its causes in one line, without those that the one before has told already.
pub fn errors(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut last = line.clone();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !last.contains(&cause) {
            line = format!("{line}: {cause}");
        }
        (last, source) = (cause, error.source());
    }
    line
}

impl Exit {
    pub const ALL: [Self; 6] =
        [Self::Done, Self::Found, Self::Usage, Self::Failed, Self::Interrupted, Self::Unread];

    /// What `error` ends the program with. A setting is given like an argument; some arguments only the platform can judge.
    pub fn of(error: &anyhow::Error) -> Self {
        if error.is::<ConfigError>() || error.is::<WrongSetting>() {
            return Self::Usage;
        }
        if error.downcast_ref().is_some_and(Unwritable::is_unread) {
            return Self::Unread;
        }
        match error.downcast_ref::<Refusal>().map(|refusal| refusal.status) {
            Some(StatusCode::BAD_REQUEST) => Self::Usage,
            Some(StatusCode::CONFLICT) => Self::Found,
            _ => Self::Failed,
        }
    }

    /// [`Self::Found`] if `found`, else [`Self::Done`].
    pub fn found_if(found: bool) -> Self {
        if found { Self::Found } else { Self::Done }
    }

    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Found => 1,
            // Clap's own code for arguments.
            Self::Usage => 2,
            Self::Failed => 3,
            // What a shell reports for a program that Ctrl-C ended.
            Self::Interrupted => 130,
            // And for one that SIGPIPE ended.
            Self::Unread => 141,
        }
    }

    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done, and all is well",
            Self::Found => {
                "done, and something is wrong: a difference, a failed check, a refusal, a process that is not ready"
            }
            Self::Usage => "wrong arguments or a wrong setting; nothing was done",
            Self::Failed => {
                "could not be done: an engine or the platform does not answer, there is no such order, row or letter, \
                 the output cannot be written"
            }
            Self::Interrupted => "stopped by a second signal, before everything had ended",
            Self::Unread => "nobody read the output to its end; said without a line",
        }
    }

    /// Every code with its meaning, for the help.
    pub fn table() -> String {
        Self::ALL.into_iter().fold(String::from("Exit codes:"), |mut text, exit| {
            // Writing to a string does not fail.
            let _ = write!(text, "\n  {:<3}  {}", exit.code(), exit.meaning());
            text
        })
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}
