//! Secrets are never written into the configuration; it says where they are.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;

/// A secret, read from its place when the configuration is loaded. It neither prints nor serialises.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Place")]
pub struct Secret(SecretString);

impl Secret {
    /// The secret itself, for those who need it.
    #[must_use]
    pub fn get(&self) -> SecretString {
        self.0.clone()
    }
}

/// Where a secret is: exactly one of the two.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "{ env = \"NAME\" } or { file = \"PATH\" }")]
struct Place {
    env: Option<String>,
    file: Option<PathBuf>,
}

impl TryFrom<Place> for Secret {
    type Error = String;

    fn try_from(place: Place) -> Result<Self, String> {
        let (text, source) = match place {
            Place { env: Some(name), file: None } => (from_env(&name)?, variable(&name)),
            Place { env: None, file: Some(path) } => (from_file(&path)?, format!("file {}", path.display())),
            _ => return Err("give either { env = \"NAME\" } or { file = \"PATH\" }".to_owned()),
        };
        if text.is_empty() {
            return Err(format!("{source} is empty; put the secret there"));
        }
        Ok(Self(SecretString::from(text)))
    }
}

fn from_env(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|error| match error {
        std::env::VarError::NotPresent => format!("{} is not set; set it to the secret", variable(name)),
        // Not the error itself: it quotes the content.
        std::env::VarError::NotUnicode(_) => format!("{} is not valid text", variable(name)),
    })
}

/// Names the variable, unless it looks more like a secret that was put where its name belongs.
fn variable(name: &str) -> String {
    let is_name = name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    format!("environment variable {}", if is_name { name } else { "(name not shown)" })
}

/// Editors end a file with a line break; it is not part of the secret.
fn from_file(path: &std::path::Path) -> Result<String, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("file {} cannot be read: {error}", path.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
