//! A value as a side shows it, and what people said.
//!
//! Clocks are coarse: two edits may carry the same time, and then only a read can tell which came last. So an edit stands
//! for itself by its time *and* fingerprints of its value and of what it took the place of, and those of one instant are
//! remembered.

use serde::{Deserialize, Serialize};
use smallvec::{SmallVec, smallvec};

use super::is_default;
use crate::model::{Timestamp, Value};

/// Who put a value where it is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// We found it there and cannot say.
    #[default]
    Nobody,
    /// We wrote it.
    Us,
    /// Somebody else did, so it is an edit and counts.
    Person,
}

/// A value as a side shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// The value; `None` is empty.
    #[serde(default, skip_serializing_if = "is_default")]
    pub value: Option<Value>,
    /// Since when, by the side's clock.
    pub at: Timestamp,
    /// Whether `at` is the time of the edit itself and not merely a time at which the value was seen.
    #[serde(default, skip_serializing_if = "is_default")]
    pub exact: bool,
    /// Who put it there.
    #[serde(default, skip_serializing_if = "is_default")]
    pub by: By,
    /// For a value that a read found: it came after what was known then, so it cannot be older than this.
    #[serde(default, skip_serializing_if = "is_default")]
    pub floor: Option<Timestamp>,
    /// The last person's edit on this side that our own value has since covered.
    #[serde(default, skip_serializing_if = "is_default")]
    pub covered: Option<Said>,
    /// Fingerprint of the value it took the place of; 0 if that was not told.
    #[serde(default, skip_serializing_if = "is_default")]
    pub over: u32,
    /// What else was shown in the instants of this and of what it covers, so that it is not taken for news when it is told again.
    #[serde(default, skip_serializing_if = "is_default")]
    pub passed: Vec<Moment>,
    /// What we wrote, not knowing whether it arrived, and did not find: it may have been shown for a moment, but not before this
    /// time. Forgotten when we set the field again.
    #[serde(default, skip_serializing_if = "is_default")]
    pub missed: Option<Moment>,
}

/// An edit by a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// What it became.
    #[serde(default, skip_serializing_if = "is_default")]
    pub value: Option<Value>,
    /// When, by the clock of the side it was made on.
    pub at: Timestamp,
    /// Fingerprint of the value it took the place of; 0 if that was not told.
    #[serde(default, skip_serializing_if = "is_default")]
    pub over: u32,
}

/// Stands for one value that was shown at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// When, by the side's clock.
    pub at: Timestamp,
    /// Fingerprint of the value and of who put it there.
    pub print: u32,
    /// Fingerprint of the value it took the place of; 0 if that was not told.
    #[serde(default, skip_serializing_if = "is_default")]
    pub over: u32,
}

/// The edits of a field on one side that a decision took into account: all before a time, and some at that time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// All edits before this time of the side's clock.
    #[serde(default, skip_serializing_if = "is_default")]
    pub before: Timestamp,
    /// Those at that very time: most often one, which takes no memory of its own.
    #[serde(default, skip_serializing_if = "is_default")]
    pub and: SmallVec<[Moment; 1]>,
}

impl Shown {
    /// A value of which nothing but this is known.
    #[must_use]
    pub const fn new(value: Option<Value>, at: Timestamp, exact: bool, by: By) -> Self {
        Self { value, at, exact, by, floor: None, covered: None, over: 0, passed: Vec::new(), missed: None }
    }

    /// What a decision takes into account when it looks at this: the last edit, or what was found without one.
    #[must_use]
    pub fn known(&self) -> Option<Known> {
        let said = match self.by {
            // Whoever clears the field in the same instant has done it since.
            By::Nobody if self.value.is_none() => return Some(Known { before: self.at, and: smallvec![] }),
            By::Nobody => Said { value: self.value.clone(), at: self.at, over: self.over },
            By::Us | By::Person => self.said()?,
        };
        let with_it = self.passed.iter().filter(|m| m.at == said.at).copied();
        Some(Known { before: said.at, and: with_it.chain([said.moment()]).collect() })
    }

    /// Since when it stands. Emptiness that was merely found was there always, so that any edit is later.
    #[must_use]
    pub const fn since(&self) -> Timestamp {
        match (self.by, &self.value) {
            (By::Nobody, None) => Timestamp::EPOCH,
            _ => self.at,
        }
    }

    /// The last person's edit on this side, covered or not.
    #[must_use]
    pub fn said(&self) -> Option<Said> {
        match self.by {
            By::Person => Some(Said { value: self.value.clone(), at: self.at, over: self.over }),
            By::Us => self.covered.clone(),
            By::Nobody => None,
        }
    }

    /// What stands for this.
    #[must_use]
    pub fn moment(&self) -> Moment {
        Moment { at: self.at, print: print(self.value.as_ref(), self.by == By::Us), over: self.over }
    }
}

impl Said {
    /// What stands for this edit.
    #[must_use]
    pub fn moment(&self) -> Moment {
        Moment { at: self.at, print: print(self.value.as_ref(), false), over: self.over }
    }
}

impl Moment {
    /// Whether both may be one and the same. Of what was found by a read nobody knows what it took the place of.
    #[must_use]
    pub fn may_be(&self, other: &Self) -> bool {
        let over = self.over == other.over || self.over == 0 || other.over == 0;
        self.at == other.at && self.print == other.print && over
    }
}

/// A fingerprint of a value, never 0. FNV-1a: short, stable, and good enough to tell the values of one instant apart.
#[must_use]
pub fn print(value: Option<&Value>, ours: bool) -> u32 {
    let step = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(16_777_619);
    let text = value.map_or("", Value::as_str).as_bytes();
    text.iter().fold(step(2_166_136_261, &u8::from(ours)), step).max(1)
}

impl Known {
    /// Whether an edit was taken into account.
    #[must_use]
    pub fn covers(&self, said: &Said) -> bool {
        let moment = said.moment();
        said.at < self.before || self.and.iter().any(|m| m.may_be(&moment))
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        if self.before != other.before {
            return if self.before > other.before { self } else { other };
        }
        let more = other.and.into_iter().filter(|m| !self.and.contains(m)).collect::<Vec<_>>();
        self.and.extend(more);
        self
    }
}
