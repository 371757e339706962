//! One contact and its past.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Map, Value as Json, json};
use sync_core::model::{RecordId, Timestamp};

/// Who makes a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Person,
    Import,
    App(i64),
}

impl Source {
    /// `changeSource` of a webhook, `sourceType` of a history entry.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Person => "CRM_UI",
            Self::Import => "IMPORT",
            Self::App(_) => "INTEGRATION",
        }
    }

    pub(super) fn id(&self) -> Option<String> {
        match self {
            Self::Person => Some("userId:76023669".to_owned()),
            Self::Import => None,
            Self::App(id) => Some(id.to_string()),
        }
    }
}

/// A contact of the emulated account.
#[derive(Debug, Clone)]
pub struct Contact {
    pub(super) id: i64,
    /// What is set; nothing here is empty.
    pub(super) properties: BTreeMap<String, String>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) archived_at: Option<Timestamp>,
    /// Oldest first.
    history: BTreeMap<String, Vec<Version>>,
    /// What search knows, and from when on; oldest first.
    indexed: VecDeque<Indexed>,
}

#[derive(Debug, Clone)]
struct Version {
    value: String,
    at: Timestamp,
    source: Source,
}

/// The contact as search shows it.
#[derive(Debug, Clone)]
pub(super) struct Indexed {
    from: Timestamp,
    pub(super) contact: BTreeMap<String, String>,
    pub(super) updated_at: Timestamp,
}

/// Which properties an answer shows.
#[derive(Debug, Clone, Default)]
pub(super) struct Shown {
    pub(super) properties: Vec<String>,
    pub(super) with_history: Vec<String>,
}

impl Contact {
    pub(super) fn new(id: i64, at: Timestamp) -> Self {
        Self {
            id,
            properties: BTreeMap::new(),
            created_at: at,
            updated_at: at,
            archived_at: None,
            history: BTreeMap::new(),
            indexed: VecDeque::new(),
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> RecordId {
        RecordId::new(self.id.to_string())
    }

    /// A property's value; `None` when it is empty.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties.get(name).map(String::as_str)
    }

    /// All properties that have a value.
    #[must_use]
    pub fn properties(&self) -> &BTreeMap<String, String> {
        &self.properties
    }

    /// Whether it was deleted, and may be restored.
    #[must_use]
    pub fn is_archived(&self) -> bool {
        self.archived_at.is_some()
    }

    /// Sets a property; the empty text clears it.
    pub(super) fn set(&mut self, name: &str, value: &str, at: Timestamp, source: Source) {
        if value.is_empty() {
            self.properties.remove(name);
        } else {
            self.properties.insert(name.to_owned(), value.to_owned());
        }
        let version = Version { value: value.to_owned(), at, source };
        self.history.entry(name.to_owned()).or_default().push(version);
    }

    /// Lets search know of the present state from `from` on, and not before what it was told earlier.
    pub(super) fn index(&mut self, now: Timestamp, from: Timestamp) {
        while self.indexed.get(1).is_some_and(|next| next.from <= now) {
            self.indexed.pop_front();
        }
        let from = self.indexed.back().map_or(from, |last| last.from.max(from));
        let indexed = Indexed { from, contact: self.properties.clone(), updated_at: self.updated_at };
        self.indexed.push_back(indexed);
    }

    /// What search knows now.
    pub(super) fn indexed(&self, now: Timestamp) -> Option<&Indexed> {
        self.indexed.iter().rev().find(|indexed| indexed.from <= now)
    }

    /// The JSON of an answer.
    pub(super) fn view(&self, shown: &Shown, known: impl Fn(&str) -> bool) -> Json {
        let mut view = self.view_of(&self.properties, self.updated_at, &shown.properties, known);
        let histories: Map<String, Json> =
            shown.with_history.iter().map(|name| (name.clone(), self.history_of(name))).collect();
        if !histories.is_empty() {
            view["propertiesWithHistory"] = Json::Object(histories);
        }
        view
    }

    /// The JSON of an answer about one of its states.
    pub(super) fn view_of(
        &self,
        state: &BTreeMap<String, String>,
        updated_at: Timestamp,
        names: &[String],
        known: impl Fn(&str) -> bool,
    ) -> Json {
        let mut properties = Map::new();
        for name in names.iter().filter(|name| known(name)) {
            properties.insert(name.clone(), state.get(name).map_or(Json::Null, |value| json!(value)));
        }
        properties.insert("createdate".to_owned(), json!(iso(self.created_at)));
        properties.insert("lastmodifieddate".to_owned(), json!(iso(updated_at)));
        properties.insert("hs_object_id".to_owned(), json!(self.id.to_string()));
        let mut view = json!({
            "id": self.id.to_string(),
            "properties": properties,
            "createdAt": iso(self.created_at),
            "updatedAt": iso(updated_at),
            "archived": self.is_archived(),
        });
        if let Some(at) = self.archived_at {
            view["archivedAt"] = json!(iso(at));
        }
        view
    }

    fn history_of(&self, name: &str) -> Json {
        let versions = self.history.get(name).map(Vec::as_slice).unwrap_or_default();
        versions
            .iter()
            .rev()
            .map(|v| {
                let mut entry =
                    json!({ "value": v.value, "timestamp": iso(v.at), "sourceType": v.source.kind() });
                if let Some(id) = v.source.id() {
                    entry["sourceId"] = json!(id);
                }
                entry
            })
            .collect()
    }
}

/// ISO 8601 with milliseconds, as all of HubSpot's times.
pub(super) fn iso(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.as_millis()).map(|at| format!("{at:.3}")).unwrap_or_default()
}
