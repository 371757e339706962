//! Form parameters: parsed by the standard, checked by Stripe's rules.

use std::collections::BTreeMap;

use super::answer::Problem;

/// Names and values in the order they came, decoded (`+` is a space).
pub(super) type Params = Vec<(String, String)>;

/// What a create or update asks for: native properties (`email`, `metadata.k`), `None` to clear.
#[derive(Debug, Default)]
pub(super) struct Edits {
    pub(super) properties: BTreeMap<String, Option<String>>,
    /// `metadata=` with nothing: all keys go.
    pub(super) clear_metadata: bool,
}

/// The text parameters a customer takes, and their longest values.
const TEXTS: [(&str, usize); 6] = [
    ("email", 512),
    ("name", 256),
    ("phone", 20),
    ("description", 5000),
    ("business_name", 150),
    ("individual_name", 150),
];
const METADATA_KEY: usize = 40;
const METADATA_VALUE: usize = 500;

/// Parses a form body or a query.
pub(super) fn parse(form: &[u8]) -> Params {
    form_urlencoded::parse(form).into_owned().collect()
}

/// The value of a parameter, the last one if it came twice.
pub(super) fn get<'p>(params: &'p Params, name: &str) -> Option<&'p str> {
    params.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
}

/// Checks a customer's parameters.
///
/// # Errors
/// The [`Problem`] of the first one that is unknown or unfit.
pub(super) fn customer_edits(params: &Params, check_email: bool) -> Result<Edits, Problem> {
    let mut edits = Edits::default();
    for (name, value) in params {
        if let Some(key) = metadata_key(name) {
            check_metadata(name, key, value)?;
            edits.properties.insert(format!("metadata.{key}"), set(value));
        } else if name == "metadata" && value.is_empty() {
            edits.clear_metadata = true;
        } else if let Some((_, longest)) = TEXTS.iter().find(|(text, _)| *text == name.as_str()) {
            check_text(name, value, *longest)?;
            if name == "email" && check_email {
                check_email_shape(value)?;
            }
            edits.properties.insert(name.clone(), set(value));
        } else if !name.starts_with("expand") {
            return Err(unknown(name));
        }
    }
    Ok(edits)
}

/// Refuses parameters that a GET endpoint does not know. `known` ends in `[` for those with a key.
pub(super) fn only(params: &Params, known: &[&str]) -> Result<(), Problem> {
    let fits = |name: &str| known.iter().any(|k| *k == name || (k.ends_with('[') && name.starts_with(k)));
    match params.iter().find(|(name, _)| !fits(name) && !name.starts_with("expand")) {
        Some((name, _)) => Err(unknown(name)),
        None => Ok(()),
    }
}

fn set(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| value.to_owned())
}

fn metadata_key(name: &str) -> Option<&str> {
    name.strip_prefix("metadata[")?.strip_suffix(']')
}

fn check_metadata(name: &str, key: &str, value: &str) -> Result<(), Problem> {
    if key.is_empty() || key.chars().count() > METADATA_KEY || key.contains(['[', ']']) {
        let message = format!("Metadata keys are 1 to {METADATA_KEY} characters without square brackets.");
        return Err(Problem::invalid(400, message).param(name));
    }
    let length = value.chars().count();
    if length > METADATA_VALUE {
        let message = format!(
            "Metadata values can have up to {METADATA_VALUE} characters, but you passed in a value that is {length} \
             characters. Invalid value: {value}"
        );
        return Err(Problem::invalid(400, message).param(name));
    }
    Ok(())
}

fn check_text(name: &str, value: &str, longest: usize) -> Result<(), Problem> {
    if value.chars().count() > longest {
        let message = format!("Invalid string: {value}; must be at most {longest} characters");
        return Err(Problem::invalid(400, message).param(name));
    }
    Ok(())
}

fn check_email_shape(value: &str) -> Result<(), Problem> {
    let fits = match value.split_once('@') {
        Some((local, domain)) => {
            !local.is_empty()
                && !domain.is_empty()
                && !domain.contains('@')
                && !value.contains(char::is_whitespace)
        }
        None => value.is_empty(),
    };
    if fits {
        return Ok(());
    }
    Err(Problem::invalid(400, format!("Invalid email address: {value}")).code("email_invalid").param("email"))
}

fn unknown(name: &str) -> Problem {
    Problem::invalid(400, format!("Received unknown parameter: {name}")).code("parameter_unknown").param(name)
}
