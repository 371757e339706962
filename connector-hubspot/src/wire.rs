//! HubSpot's JSON: just what is used, with everything that may be missing optional.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};

/// Text that some senders write as a number. Ids exceed 2^31, and proxies have been seen to quote them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Loose(pub(crate) String);

impl Loose {
    pub(crate) fn number(&self) -> Option<i64> {
        self.0.parse().ok()
    }
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrNumber;
        impl Visitor<'_> for TextOrNumber {
            type Value = Loose;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text or a whole number")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Loose, E> {
                Ok(Loose(text.to_owned()))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Loose, E> {
                Ok(Loose(number.to_string()))
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Loose, E> {
                Ok(Loose(number.to_string()))
            }
        }
        deserializer.deserialize_any(TextOrNumber)
    }
}

/// A contact as reads and writes return it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Contact {
    pub(crate) id: Loose,
    #[serde(default, deserialize_with = "null_as_default")]
    pub(crate) properties: BTreeMap<String, Option<String>>,
    #[serde(default)]
    pub(crate) properties_with_history: Option<BTreeMap<String, Vec<Version>>>,
    pub(crate) created_at: Option<String>,
    pub(crate) updated_at: Option<String>,
    pub(crate) object_write_trace_id: Option<String>,
}

/// One entry of a property's history.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Version {
    pub(crate) value: Option<String>,
    pub(crate) timestamp: Option<String>,
    pub(crate) source_type: Option<String>,
    pub(crate) source_id: Option<Loose>,
}

/// The answer to a batch call, a list or a search.
#[derive(Debug, Deserialize)]
pub(crate) struct Results {
    pub(crate) results: Vec<Contact>,
    #[serde(default, deserialize_with = "null_as_default")]
    pub(crate) errors: Vec<Failure>,
    pub(crate) paging: Option<Paging>,
}

/// Where a list or search goes on.
#[derive(Debug, Deserialize)]
pub(crate) struct Paging {
    pub(crate) next: Option<NextPage>,
}

/// The next page's cursor.
#[derive(Debug, Deserialize)]
pub(crate) struct NextPage {
    pub(crate) after: Loose,
}

/// HubSpot's error envelope, of a whole call or of one row. Its messages quote values: they are parsed, never shown.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Failure {
    pub(crate) status: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) category: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) policy_name: Option<String>,
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) errors: Vec<Failure>,
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) context: BTreeMap<String, serde_json::Value>,
}

impl Failure {
    /// The texts under one key of the context, which holds a text or a list of them.
    pub(crate) fn context(&self, key: &str) -> Vec<String> {
        match self.context.get(key) {
            Some(serde_json::Value::Array(items)) => items.iter().filter_map(text).collect(),
            Some(one) => text(one).into_iter().collect(),
            None => Vec::new(),
        }
    }
}

fn null_as_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn text(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// One member of the JSON list inside the message `Property values were not valid: [..]`.
#[derive(Debug, Deserialize)]
pub(crate) struct InvalidProperty {
    pub(crate) error: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) message: Option<String>,
}

/// A property's definition, as far as it matters.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PropertyDefinition {
    pub(crate) has_unique_value: Option<bool>,
}

/// Input of a batch write.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Input<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<&'a str>,
    pub(crate) properties: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) object_write_trace_id: Option<&'a str>,
}

/// An occurrence of a custom event.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CustomEvent<'a> {
    pub(crate) event_name: &'a str,
    pub(crate) object_id: &'a str,
    pub(crate) uuid: String,
    pub(crate) occurred_at: String,
    pub(crate) properties: &'a BTreeMap<String, String>,
}

/// One webhook event. Unknown members are ignored.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event {
    pub(crate) event_id: Option<Loose>,
    pub(crate) portal_id: Option<Loose>,
    pub(crate) occurred_at: Option<Loose>,
    pub(crate) subscription_type: Option<String>,
    pub(crate) event_type: Option<String>,
    pub(crate) object_type_id: Option<String>,
    pub(crate) object_id: Option<Loose>,
    pub(crate) contact_id: Option<Loose>,
    pub(crate) property_name: Option<String>,
    pub(crate) property_value: Option<Loose>,
    pub(crate) change_source: Option<String>,
    pub(crate) change_flag: Option<String>,
    pub(crate) source_id: Option<Loose>,
    pub(crate) primary_object_id: Option<Loose>,
    pub(crate) new_object_id: Option<Loose>,
    #[serde(default)]
    pub(crate) merged_object_ids: Option<Vec<Loose>>,
}
