//! What a system tells us, decoded but not yet understood.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{OpId, PairId, Properties, RecordId, Timestamp, Value};

/// Who made a change, as far as the system says.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    /// This engine. The operation is named when the system carries its id back.
    Us(Option<OpId>),
    /// Somebody else: a person, an import, another integration.
    Other,
    /// The system does not say.
    #[default]
    Unknown,
}

/// How urgent news is. The order is the order of service: earlier variants first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// A person's edit of a record that exists on both sides, or a purchase.
    #[default]
    Edit,
    /// A record that must be created on the other side.
    New,
    /// Part of a bulk import.
    Import,
    /// Found by our own housekeeping.
    Sweep,
}

/// One entry of a property's history.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Edit {
    /// What the property was set to.
    pub value: Option<Value>,
    /// When, by the system's own clock.
    pub at: Timestamp,
    /// By whom.
    pub author: Author,
}

/// A record as its system holds it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Record {
    /// The system's id for it, as returned (which may differ from the id that was asked for, after a merge).
    pub id: RecordId,
    /// Other ids that lead to the same record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<RecordId>,
    /// Native content. A property that is absent is unknown; `None` is empty.
    pub properties: Properties,
    /// Recent history of each property, newest first, where the system keeps one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub history: BTreeMap<String, Vec<Edit>>,
    /// The pair id we wrote into it when we created it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<PairId>,
    /// The other system's record it says it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twin: Option<RecordId>,
    /// Further values under which the record can be matched (for example secondary email addresses).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_known_as: Vec<Value>,
    /// When it was created, by the system's own clock, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When it last changed, by the system's own clock, if known. What is shown here is at least that recent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Timestamp>,
}

impl Record {
    /// A record about which nothing is known but its content.
    #[must_use]
    pub fn new(id: RecordId, properties: Properties) -> Self {
        Self {
            id,
            aliases: Vec::new(),
            properties,
            history: BTreeMap::new(),
            mark: None,
            twin: None,
            also_known_as: Vec::new(),
            created_at: None,
            changed_at: None,
        }
    }
}

/// An append-only happening of a record, for example a purchase. It is told to the other side exactly once.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Activity {
    /// Identifies the happening for ever: the same id is never told twice.
    pub id: String,
    /// When it happened, by the source system's clock.
    pub at: Timestamp,
    /// What to tell, already in words the other side understands.
    pub details: BTreeMap<String, String>,
}

/// A snapshot of a record together with what is known of the change that led to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sighting {
    /// The record as of `at`.
    pub record: Record,
    /// For a change: the old values of just those properties that changed. `None`: this tells of a creation.
    pub previous: Option<Properties>,
    /// When the change happened, by the system's own clock and in its own resolution.
    pub at: Timestamp,
    /// Who made it.
    pub author: Author,
    /// How urgent it is.
    pub class: Class,
}

impl Sighting {
    /// Somebody else has just created this record.
    #[must_use]
    pub fn created(record: Record, at: Timestamp) -> Self {
        Self { record, previous: None, at, author: Author::Other, class: Class::New }
    }
}

/// One piece of news out of a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "news", rename_all = "snake_case")]
pub enum News {
    /// A record with its content, so that nothing needs to be read.
    Seen(Box<Sighting>),
    /// A record changed; its content must be read. `property` is the one that changed, with its new value, if told.
    Changed {
        /// The record.
        id: RecordId,
        /// When, by the system's own clock.
        at: Timestamp,
        /// Who made the change.
        author: Author,
        /// How urgent it is.
        class: Class,
        /// The native property that changed and what it became.
        property: Option<(String, Option<Value>)>,
    },
    /// A record was deleted or archived.
    Gone {
        /// The record.
        id: RecordId,
        /// When, by the system's own clock.
        at: Timestamp,
        /// Who deleted it.
        author: Author,
    },
    /// Records became one.
    Merged {
        /// The id under which the record lives on.
        into: RecordId,
        /// The former id of the survivor if that changed, and then the ids that were absorbed. The first that is known
        /// keeps its twin.
        from: Vec<RecordId>,
        /// When, by the system's own clock.
        at: Timestamp,
    },
    /// Something happened that is told to the other side once.
    Happened {
        /// The record it happened to, if the system says.
        id: Option<RecordId>,
        /// Otherwise, the match value (email) of whom it happened to.
        match_value: Option<Value>,
        /// What happened.
        activity: Activity,
    },
    /// Understood to be none of our business: acknowledged and counted, without effect.
    Ignored {
        /// Why, in a fixed word or two that can be a metric label (`test`, `unknown_type`, `other_portal`).
        reason: std::borrow::Cow<'static, str>,
    },
    /// Authentic but unintelligible: goes to the dead letters.
    Malformed {
        /// What is wrong with it, without quoting personal data.
        reason: String,
        /// The offending part, exactly as received.
        raw: Value,
    },
}

impl News {
    /// When it happened, by the system's own clock, if it says.
    #[must_use]
    pub fn at(&self) -> Option<Timestamp> {
        match self {
            Self::Seen(sighting) => Some(sighting.at),
            Self::Changed { at, .. } | Self::Gone { at, .. } | Self::Merged { at, .. } => Some(*at),
            Self::Happened { activity, .. } => Some(activity.at),
            Self::Ignored { .. } | Self::Malformed { .. } => None,
        }
    }
}
