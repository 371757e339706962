//! A configuration file: any text.

use runner_http::Config;

/// It is understood or refused, with the name of what is wrong and without a secret that was pasted into it.
pub(crate) fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Err(error) = Config::from_toml(text) {
        assert!(!error.key.is_empty() && !error.problem.is_empty(), "a refusal says what is wrong");
        assert!(!error.problem.contains("hunter2"), "a refusal quotes no secret");
    }
}
