//! Does every mistake in the configuration name its key, and never a secret?

use std::path::Path;

use runner_http::config::{Config, StoreUrl, System};

/// The smallest configuration, with secrets from the file at `secret`.
fn smallest(secret: &Path) -> String {
    format!(
        r#"
[server]
public_url = "https://sync.example.com"
[hubspot]
access_token = {{ file = {secret:?} }}
client_secrets = [{{ file = {secret:?} }}]
portal_id = 48807704
app_id = 16111050
[stripe]
api_key = {{ file = {secret:?} }}
webhook_secrets = [{{ file = {secret:?} }}]
"#
    )
}

/// A directory with a secret in the file `secret` and nothing in the file `empty`.
fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("secret"), "hunter2\r\n").unwrap();
    std::fs::write(directory.path().join("empty"), "\n").unwrap();
    directory
}

/// What the configuration is told when `line` (by its beginning) is replaced.
fn complaint(line: &str, replacement: &str) -> (String, String) {
    let directory = directory();
    let replacement = replacement.replace("DIR", &directory.path().display().to_string());
    let text = smallest(&directory.path().join("secret"));
    let text: Vec<&str> =
        text.lines().map(|l| if l.starts_with(line) { replacement.as_str() } else { l }).collect();
    let error = Config::from_toml(&text.join("\n")).expect_err(&replacement);
    (error.key, error.problem)
}

/// Checks mistakes: the line that is replaced, its replacement, the key to be named, a word of the complaint.
fn check(mistakes: &[(&str, &str, &str, &str)]) {
    for (line, replacement, key, hint) in mistakes {
        let (named, problem) = complaint(line, replacement);
        assert_eq!(named, *key, "{replacement}: {problem}");
        assert!(problem.contains(hint), "{replacement}: {problem}");
    }
}

#[test]
fn does_a_key_that_is_missing_unknown_or_of_the_wrong_kind_complain_by_name() {
    check(&[
        ("public_url", "", "server.public_url", "missing"),
        ("portal_id", "", "hubspot.portal_id", "missing"),
        ("api_key", "", "stripe.api_key", "missing"),
        ("[stripe]", "[strype]", "strype", "`stripe`"),
        ("portal_id", "portal = 1", "hubspot.portal", "`portal_id`"),
        ("[stripe]", "limits = [{ requests = 1 }]\n[stripe]", "hubspot.limits[0].seconds", "missing"),
        (
            "[stripe]",
            "limits = [{ requests = 1, seconds = 1, burst = 2 }]\n[stripe]",
            "hubspot.limits[0].burst",
            "`seconds`",
        ),
        ("portal_id", "portal_id = \"1\"", "hubspot.portal_id", "text"),
        ("public_url", "public_url = 1", "server.public_url", "string"),
        ("[stripe]", "limits = 15\n[stripe]", "hubspot.limits", "sequence"),
        ("[stripe]", "accept_v1 = 1\n[stripe]", "hubspot.accept_v1", "boolean"),
        ("[server]", "[sync]\ntie_winner = \"both\"\n[server]", "sync.tie_winner", "`hubspot` or `stripe`"),
        ("[server]", "[sync]\noverload = \"give_up\"\n[server]", "sync.overload", "`most_on_time`"),
        ("[server]", "[log]\nformat = \"xml\"\n[server]", "log.format", "`json` or `pretty`"),
        ("portal_id", "portal_id = ", "portal_id", "line 7"),
    ]);
}

#[test]
fn does_a_secret_that_cannot_be_had_complain_by_name() {
    check(&[
        (
            "access_token",
            "access_token = { env = \"WANE_NOT_SET\" }",
            "hubspot.access_token",
            "WANE_NOT_SET is not set",
        ),
        ("access_token", "access_token = { file = \"DIR/none\" }", "hubspot.access_token", "cannot be read"),
        ("access_token", "access_token = { file = \"DIR/empty\" }", "hubspot.access_token", "empty"),
        ("access_token", "access_token = {}", "hubspot.access_token", "either"),
        ("access_token", "access_token = { env = \"A\", file = \"B\" }", "hubspot.access_token", "either"),
        ("access_token", "access_token = { vault = \"A\" }", "hubspot.access_token.vault", "`env` or `file`"),
        ("client_secrets", "client_secrets = []", "hubspot.client_secrets", "at least one"),
        ("webhook_secrets", "webhook_secrets = []", "stripe.webhook_secrets", "at least one"),
    ]);
}

#[test]
fn does_a_value_that_cannot_work_complain_by_name() {
    check(&[
        ("public_url", "public_url = \"sync.example.com\"", "server.public_url", "http(s)://host"),
        (
            "public_url",
            "public_url = \"https://sync.example.com/hooks\"",
            "server.public_url",
            "nothing after",
        ),
        ("[stripe]", "base_url = \"ftp://example.com\"\n[stripe]", "hubspot.base_url", "http(s)://host"),
        ("api_key", "base_url = \"https://me@example.com\"", "stripe.base_url", "http(s)://host"),
        ("[server]", "[server]\nlisten = \"localhost:80\"", "server.listen", "127.0.0.1:8080"),
        ("[server]", "[server]\nadmin_listen = \"8081\"", "server.admin_listen", "127.0.0.1:8080"),
        ("[server]", "[store]\nurl = \"postgres://u:p@h/d\"\n[server]", "store.url", "not in this build"),
        #[cfg(not(feature = "sled"))]
        ("[server]", "[store]\nurl = \"sled:data\"\n[server]", "store.url", "not in this build"),
        #[cfg(feature = "sled")]
        ("[server]", "[store]\nurl = \"sled:\"\n[server]", "store.url", "needs a directory"),
        ("[server]", "[store]\nurl = \"\"\n[server]", "store.url", "empty"),
        ("[stripe]", "limits = []\n[stripe]", "hubspot.limits", "at least one"),
        ("[stripe]", "[stripe]\nlimits = []", "stripe.limits", "at least one"),
        (
            "[stripe]",
            "limits = [{ requests = 0, seconds = 1 }]\n[stripe]",
            "hubspot.limits[0].requests",
            "nonzero",
        ),
        (
            "[stripe]",
            "limits = [{ requests = 1, seconds = 0 }]\n[stripe]",
            "hubspot.limits[0].seconds",
            "nonzero",
        ),
        (
            "[stripe]",
            "limits = [{ requests = 5, seconds = 1, only = \"find\" }]\n[stripe]",
            "hubspot.limits",
            "at least one",
        ),
        (
            "[stripe]",
            "limits = [{ requests = 5, seconds = 1, only = \"search\" }]\n[stripe]",
            "hubspot.limits[0].only",
            "`find`",
        ),
        ("[stripe]", "[stripe]\nconcurrency = 0", "stripe.concurrency", "nonzero"),
        ("[server]", "[sync]\ndrain_ms = 8001\n[server]", "sync.drain_ms", "8000"),
        ("[server]", "[sync]\ncall_timeout_ms = 0\n[server]", "sync.call_timeout_ms", "100"),
        ("[server]", "[sync]\ncreate_hold_ms = 60001\n[server]", "sync.create_hold_ms", "60000"),
        ("[server]", "[sync]\non_delete = \"propagate\"\n[server]", "sync.on_delete", "unlink"),
        ("[server]", "[log]\nlevel = \"loud\"\n[server]", "log.level", "info"),
        ("[server]", "[log]\nlevel = \"loud=very=much\"\n[server]", "log.level", "info"),
    ]);
}

#[test]
fn is_a_secret_that_was_pasted_into_the_file_kept_out_of_the_error() {
    for pasted in [
        "access_token = \"pat-hunter3\"",
        "access_token = pat-hunter3",
        "access_token = \"pat-hunter3",
        "access_token = [\"pat-hunter3\"]",
        "access_token = \"pat-\\\", expected hunter3\"",
        "access_token = { env = \"pat-hunter3\" }",
        "client_secrets = \"hunter3\"",
        "client_secrets = [\"hunter3\"]",
        "portal_id = \"hunter3\"",
    ] {
        let line = pasted.split(' ').next().unwrap();
        let (key, problem) = complaint(line, pasted);
        assert!(key.contains(line), "{pasted}: {key}");
        assert!(!problem.contains("hunter3"), "{problem}");
    }
}

#[test]
fn is_the_smallest_configuration_enough() {
    let directory = directory();
    let config = Config::from_toml(&smallest(&directory.path().join("secret"))).unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.server.admin_listen.to_string(), "127.0.0.1:8081");
    assert!(config.server.admin_token.is_none());
    assert_eq!(config.store.url, StoreUrl::Directory("data".into()));
    assert_eq!(config.hubspot.base_url.as_str(), "https://api.hubapi.com");
    assert_eq!(config.stripe.base_url.as_str(), "https://api.stripe.com");
    assert_eq!(config.sync.tie_winner, System::HubSpot);
}

#[test]
fn is_a_secret_read_without_the_line_break_at_its_end_and_never_printed() {
    use secrecy::ExposeSecret;
    let directory = directory();
    let config = Config::from_toml(&smallest(&directory.path().join("secret"))).unwrap();
    assert_eq!(config.hubspot.access_token.get().expose_secret(), "hunter2");
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn is_the_whole_documented_configuration_understood() {
    let directory = directory();
    let secret = format!("{{ file = {:?} }}", directory.path().join("secret"));
    let document = include_str!("../../../docs/configuration.md");
    let example = document.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let example: Vec<String> = example
        .lines()
        .map(|line| match line.split_once("{ env = ") {
            Some((start, rest)) => format!("{start}{secret}{}", rest.split_once('}').unwrap().1),
            None => line.to_owned(),
        })
        .collect();
    Config::from_toml(&example.join("\n")).unwrap();
}
