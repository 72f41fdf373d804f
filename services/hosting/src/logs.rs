//! A process's log, on standard error: text for people, or a line of JSON an event.
//!
//! | variable | what it says | otherwise |
//! |---|---|---|
//! | `NACRE_LOG` | what is logged, as `info` or `nacre_exchange=debug,warn` | `warn` |
//! | `NACRE_LOG_FORMAT` | `text` or `json` | `text` |
//!
//! Kept true: colour codes go to terminals alone (and not where `NO_COLOR` is set). A filter or format that is not understood is
//! an error and not passed over.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::{EnvFilter, filter::ParseError, fmt, util::SubscriberInitExt as _};

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogsError {
    /// The filter is not understood.
    #[error(
        "NACRE_LOG: {0}; it is a level, as `info`, or parts with levels of their own, as `nacre_exchange=debug,warn`"
    )]
    Filter(#[from] ParseError),
    /// The format is unknown.
    #[error("NACRE_LOG_FORMAT: `{0}` is neither `text` nor `json`")]
    Format(String),
    /// A variable that is no text.
    #[error("{0} is not UTF-8")]
    NotText(&'static str),
    /// Another log was begun before.
    #[error(transparent)]
    Begun(#[from] tracing_subscriber::util::TryInitError),
}

fn variable(name: &'static str) -> Result<Option<String>, LogsError> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(LogsError::NotText(name)),
    }
}

/// Begins the process's log, as the environment says.
pub fn begin() -> Result<(), LogsError> {
    let filter = EnvFilter::try_new(variable("NACRE_LOG")?.as_deref().unwrap_or("warn"))?;
    let log = fmt().with_env_filter(filter).with_writer(io::stderr);
    match variable("NACRE_LOG_FORMAT")?.as_deref().unwrap_or("text") {
        "text" => {
            let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
            log.with_ansi(colours).finish().try_init()?;
        }
        "json" => log.json().flatten_event(true).finish().try_init()?,
        other => return Err(LogsError::Format(other.to_owned())),
    }
    Ok(())
}
