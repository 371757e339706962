//! What is wrong with the configuration, in words for an operator.

use std::ops::Range;

use thiserror::Error;

/// Why the configuration cannot be used. Its text is safe to print: it never quotes the text of a value.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[error("{key}: {problem}")]
pub struct ConfigError {
    /// The key at fault, such as `stripe.api_key`.
    pub key: String,
    /// What is wrong with it, and what to do.
    pub problem: String,
}

impl ConfigError {
    pub(crate) fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { key: key.into(), problem: problem.into() }
    }
}

/// The text is not TOML.
pub(super) fn syntax(text: &str, error: &toml::de::Error) -> ConfigError {
    // Not the error's display: it shows the line, and with it perhaps a secret.
    let key = key_before(text, error.span()).unwrap_or("the file");
    ConfigError::new(key, format!("is not valid TOML{}: {}", at_line(text, error.span()), error.message()))
}

/// It is TOML, but not what we expect.
pub(super) fn content(text: &str, error: &serde_path_to_error::Error<toml::de::Error>) -> ConfigError {
    let path = error.path().to_string();
    let message = error.inner().message();
    let child = |name: &str| if path == "." { name.to_owned() } else { format!("{path}.{name}") };
    if let Some(name) = quoted(message, "missing field `") {
        return ConfigError::new(child(name), "is missing; set it");
    }
    let line = at_line(text, error.inner().span());
    if let Some(name) = quoted(message, "unknown field `") {
        let known = message.split_once(", ").map_or("nothing", |(_, known)| known);
        // The parser may have put the unknown key into the path already.
        let key = if path.rsplit('.').next() == Some(name) { path } else { child(name) };
        return ConfigError::new(key, format!("is not a key{line}; {known}"));
    }
    ConfigError::new(path, format!("{}{line}", without_text(message)))
}

fn quoted<'a>(message: &'a str, start: &str) -> Option<&'a str> {
    message.strip_prefix(start)?.split('`').next()
}

/// serde quotes the text it did not expect; here that may be a secret that was pasted into the file.
fn without_text(message: &str) -> String {
    let Some((_, expected)) = message.rsplit_once(", expected ") else { return message.to_owned() };
    match message {
        _ if message.starts_with("unknown variant `") => format!("must be {expected}"),
        _ if message.starts_with("invalid type: string \"") => {
            format!("expected {expected}, but this is text")
        }
        _ => message.to_owned(),
    }
}

fn at_line(text: &str, span: Option<Range<usize>>) -> String {
    let before = span.and_then(|span| text.get(..span.start));
    before.map_or(String::new(), |before| format!(" (line {})", before.matches('\n').count() + 1))
}

/// What stands left of the `=` in the line of the error.
fn key_before(text: &str, span: Option<Range<usize>>) -> Option<&str> {
    let start = text.get(..span?.start)?.rfind('\n').map_or(0, |at| at + 1);
    let (key, _) = text.get(start..)?.lines().next()?.split_once('=')?;
    Some(key.trim()).filter(|key| !key.is_empty())
}
