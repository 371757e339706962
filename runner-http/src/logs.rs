//! Log lines: JSON for machines or text for people, on standard error.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::config::{ConfigError, LogConfig, LogFormat};

/// Overrides `log.level`.
const VARIABLE: &str = "RUST_LOG";

/// What to tell whoever gave something that is no filter.
pub(crate) const WHAT_IT_MUST_BE: &str = "must be error, warn, info, debug or trace, or a filter";

/// The filter that `text` describes, if it does. A lone word has to be a level: `EnvFilter` by itself would take a
/// misspelt level for the name of a module, and be silent.
pub(crate) fn filter(text: &str) -> Option<EnvFilter> {
    let mut parts = text.split(',').map(str::trim);
    let sound = parts.all(|part| part.contains('=') || part.parse::<LevelFilter>().is_ok());
    EnvFilter::builder().parse(text).ok().filter(|_| sound)
}

/// Starts logging for the whole process. A subscriber that is installed already stays.
pub(crate) fn init(config: &LogConfig) -> Result<(), ConfigError> {
    let (key, level) = match std::env::var(VARIABLE) {
        Ok(level) if !level.is_empty() => (VARIABLE, level),
        _ => ("log.level", config.level.clone()),
    };
    let filter = filter(&level).ok_or_else(|| ConfigError::new(key, WHAT_IT_MUST_BE))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    // Fails only when an embedding program has a subscriber of its own.
    let _ = match config.format {
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
        LogFormat::Pretty => lines.with_ansi(stderr().is_terminal()).try_init(),
    };
    Ok(())
}
