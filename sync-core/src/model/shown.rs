//! A value as a side shows it, and what people said.

use serde::{Deserialize, Serialize};

use crate::model::{Timestamp, Value};

/// Who put a value where it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// We found it there and cannot say.
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
    pub value: Option<Value>,
    /// Since when, by the side's clock.
    pub at: Timestamp,
    /// Whether `at` is the time of the edit itself and not merely a time at which the value was seen.
    pub exact: bool,
    /// Who put it there.
    pub by: By,
    /// For a value that a read found: it came after what was known then, so it cannot be older than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Timestamp>,
    /// The last person's edit on this side that our own value has since covered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub covered: Option<Said>,
}

/// An edit by a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// What it became.
    pub value: Option<Value>,
    /// When, by the clock of the side it was made on.
    pub at: Timestamp,
}

/// Stands for one edit of a field on one side: its time, and a fingerprint of its value, because clocks are coarse and two
/// edits may carry the same time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// When, by the side's clock.
    pub at: Timestamp,
    /// Fingerprint of the value.
    pub print: u32,
}

impl Shown {
    /// What a decision takes into account when it looks at this: the last edit, or what was found without one.
    #[must_use]
    pub fn known(&self) -> Option<Moment> {
        match self.by {
            // Whoever clears the field in the same instant has done it since.
            By::Nobody if self.value.is_none() => Some(Moment { at: self.at, print: Moment::NO_EDIT }),
            By::Nobody => Some(Said { value: self.value.clone(), at: self.at }.moment()),
            By::Us | By::Person => self.said().map(|said| said.moment()),
        }
    }

    /// The last person's edit on this side, covered or not.
    #[must_use]
    pub fn said(&self) -> Option<Said> {
        match self.by {
            By::Person => Some(Said { value: self.value.clone(), at: self.at }),
            By::Us => self.covered.clone(),
            By::Nobody => None,
        }
    }
}

impl Said {
    /// What stands for this edit.
    #[must_use]
    pub fn moment(&self) -> Moment {
        // FNV-1a: short, stable, and good enough to tell two values of one instant apart.
        let text = self.value.as_ref().map_or("", Value::as_str);
        let step = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(16_777_619);
        Moment { at: self.at, print: text.as_bytes().iter().fold(2_166_136_261, step) }
    }
}

impl Moment {
    /// The fingerprint that no edit has.
    const NO_EDIT: u32 = 0;

    /// Whether an edit came after the one this stands for, as far as time can tell; another value of the same instant
    /// counts as later.
    #[must_use]
    pub fn is_before(self, said: &Said) -> bool {
        let other = said.moment();
        other.at > self.at || (other.at == self.at && other.print != self.print)
    }
}
