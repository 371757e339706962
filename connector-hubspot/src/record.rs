//! From HubSpot's contact to the engine's record. Pure.

use std::collections::BTreeMap;

use sync_core::connector::Receipt;
use sync_core::model::{Author, Edit, Properties, Record, RecordId, Timestamp, Value};

use crate::mapping::PROPERTIES;
use crate::wire::{Contact, Version};

/// What is needed to understand a contact.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    /// Our app: its writes are ours.
    pub(crate) app_id: i64,
    /// The property that names the other side's record, if one is in use.
    pub(crate) twin: Option<&'a str>,
}

impl Reader<'_> {
    pub(crate) fn record(&self, contact: Contact) -> Record {
        let text = |name: &str| contact.properties.get(name).cloned().flatten().and_then(Value::new);
        let created_at =
            contact.created_at.clone().or_else(|| text("createdate").map(|v| v.as_str().to_owned()));
        let mut properties: Properties = PROPERTIES
            .iter()
            .filter(|name| contact.properties.contains_key(**name))
            .map(|name| ((*name).to_owned(), text(name)))
            .collect();
        let history = self.history(contact.properties_with_history.unwrap_or_default());
        for (name, edits) in &history {
            // A property asked for with its history may come back there alone.
            let newest = edits.first().and_then(|edit| edit.value.clone());
            properties.entry(name.clone()).or_insert(newest);
        }
        Record {
            aliases: list(text("hs_merged_object_ids").as_ref()).map(RecordId::new).collect(),
            also_known_as: list(text("hs_additional_emails").as_ref()).filter_map(Value::new).collect(),
            twin: self.twin.and_then(text).map(|id| RecordId::new(id.as_str())),
            created_at: created_at.as_deref().and_then(time),
            changed_at: contact.updated_at.as_deref().and_then(time),
            id: RecordId::new(contact.id.0),
            mark: None,
            properties,
            history,
        }
    }

    pub(crate) fn receipt(&self, contact: Contact, answered_at: Option<Timestamp>) -> Receipt {
        let at = contact.updated_at.as_deref().and_then(time).or(answered_at);
        Receipt { record: Some(self.record(contact)), at }
    }

    fn history(&self, properties: BTreeMap<String, Vec<Version>>) -> BTreeMap<String, Vec<Edit>> {
        let known = properties.into_iter().filter(|(name, _)| PROPERTIES.contains(&name.as_str()));
        known
            .map(|(name, versions)| {
                let mut edits: Vec<Edit> = versions.into_iter().filter_map(|v| self.edit(v)).collect();
                // Newest first, as HubSpot has it; a stable sort keeps its order of equal times.
                edits.sort_by_key(|edit| std::cmp::Reverse(edit.at));
                (name, edits)
            })
            .filter(|(_, edits)| !edits.is_empty())
            .collect()
    }

    fn edit(&self, version: Version) -> Option<Edit> {
        let author =
            author(version.source_type.as_deref(), version.source_id.map(|id| id.0).as_deref(), self.app_id);
        Some(Edit {
            value: version.value.and_then(Value::new),
            at: time(version.timestamp.as_deref()?)?,
            author,
        })
    }
}

/// Who made a change, by its source. Another tool with our app's token looks like us: provenance is a hint, and the
/// engine compares values as well.
pub(crate) fn author(source: Option<&str>, id: Option<&str>, app_id: i64) -> Author {
    match source {
        None => Author::Unknown,
        Some("INTEGRATION" | "API") if id == Some(app_id.to_string().as_str()) => Author::Us(None),
        Some(_) => Author::Other,
    }
}

/// A time in ISO 8601, as record timestamps are, or in epoch milliseconds, as some datetime properties are.
pub(crate) fn time(text: &str) -> Option<Timestamp> {
    let parsed = text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond);
    parsed.or_else(|| text.parse().ok()).map(Timestamp::from_millis)
}

/// The members of a semicolon-separated list.
fn list(value: Option<&Value>) -> impl Iterator<Item = &str> {
    value.map_or("", |v| v.as_str()).split(';').map(str::trim).filter(|item| !item.is_empty())
}
