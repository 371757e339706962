//! What really happened: the truth that tests compare the engine's claims with.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::Timestamp;

/// Who did something at an emulated system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A scripted person, at the system's own screen.
    Person,
    /// A scripted bulk import.
    Import,
    /// A caller of the API, by the name its credential stands for.
    Api(String),
}

/// The kind of an accepted change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A record came into being.
    Created,
    /// Properties of a record changed; requests that change nothing are not changes.
    Updated,
    /// A record was deleted or archived.
    Deleted,
    /// A record was absorbed by another.
    Merged,
    /// An append-only happening was recorded for a record (a purchase, a custom event).
    Happened,
}

/// One accepted change, with its true time and author.
#[derive(Debug, Clone)]
pub struct Change {
    /// When the system accepted it.
    pub at: Timestamp,
    /// Who made it.
    pub actor: Actor,
    /// What it was.
    pub what: What,
    /// The record.
    pub record: String,
    /// The properties that changed, with their new content; for a happening, its details.
    pub properties: BTreeMap<String, Option<String>>,
}

/// Every accepted change, in order.
#[derive(Debug, Clone, Default)]
pub struct OracleLog {
    changes: Vec<Change>,
}

impl OracleLog {
    /// Adds a change.
    pub fn push(&mut self, change: Change) {
        self.changes.push(change);
    }

    /// All changes so far.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Changes made through the API.
    pub fn by_api(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|c| matches!(c.actor, Actor::Api(_)))
    }
}

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Call {
    /// When it arrived.
    pub at: Timestamp,
    /// Its method.
    pub method: http::Method,
    /// Its path, without the query.
    pub path: String,
    /// The status it was answered with; `None` when no answer was sent.
    pub status: Option<u16>,
}

/// Every request that arrived, refused ones included.
#[derive(Debug, Clone, Default)]
pub struct CallLog {
    calls: Vec<Call>,
}

impl CallLog {
    /// Adds a call.
    pub fn push(&mut self, call: Call) {
        self.calls.push(call);
    }

    /// All calls so far.
    #[must_use]
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// The largest number of calls in any window `(t, t + per]`.
    #[must_use]
    pub fn most_in_any(&self, per: Duration) -> usize {
        let mut times: Vec<_> = self.calls.iter().map(|c| c.at).collect();
        times.sort_unstable();
        let mut first = 0;
        let mut most = 0;
        for (last, at) in times.iter().enumerate() {
            while at.since(times[first]) >= per {
                first += 1;
            }
            most = most.max(last + 1 - first);
        }
        most
    }
}
