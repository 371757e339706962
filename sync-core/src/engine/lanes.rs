//! The queue of work of one side: urgent first, then oldest first. Pure data.
//!
//! The queue holds at most [`Lane::CAPACITY`] entries in memory; the rest stay in the journal's `due` table, from which
//! the queue is filled again when it runs low.

use std::collections::{BTreeMap, HashMap};

use crate::model::{Class, PairId, RecordId, Timestamp};

/// What an entry is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Subject {
    /// A pair has a step to take.
    Pair(PairId),
    /// A record nobody knows must be read to find out whose it is.
    Record(RecordId),
}

/// The kind of call the next step needs. Entries of one kind can share a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Read,
    Find,
    Create,
    Update,
    Emit,
}

impl Kind {
    /// Whether calls of this kind change something at the far side.
    pub(super) const fn is_write(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Emit)
    }
}

/// How urgent, and since when.
pub(super) type Rank = (Class, Timestamp);

type Place = (Class, Timestamp, Subject);

#[derive(Debug, Default)]
pub(super) struct Lane {
    ready: BTreeMap<Place, Kind>,
    /// Entries whose time has not come.
    held: BTreeMap<(Timestamp, Subject), (Class, Timestamp, Kind)>,
    /// Where each subject stands.
    places: HashMap<Subject, Standing>,
    /// Some entries did not fit and wait in the journal.
    pub(super) spilled: bool,
}

#[derive(Debug, Clone)]
enum Standing {
    Ready(Class, Timestamp),
    Held(Timestamp),
}

impl Lane {
    /// Most entries held in memory.
    pub(super) const CAPACITY: usize = 20_000;

    /// Files a subject, not to be served before `not_before`. An earlier entry of the subject is replaced.
    pub(super) fn file(
        &mut self,
        subject: Subject,
        kind: Kind,
        (class, since): Rank,
        not_before: Option<Timestamp>,
    ) {
        self.remove(&subject);
        if self.places.len() >= Self::CAPACITY && matches!(subject, Subject::Pair(_)) {
            self.spilled = true;
            return;
        }
        let standing = match not_before {
            Some(at) => {
                self.held.insert((at, subject.clone()), (class, since, kind));
                Standing::Held(at)
            }
            None => {
                self.ready.insert((class, since, subject.clone()), kind);
                Standing::Ready(class, since)
            }
        };
        self.places.insert(subject, standing);
    }

    /// Takes a subject out.
    pub(super) fn remove(&mut self, subject: &Subject) {
        match self.places.remove(subject) {
            Some(Standing::Ready(class, since)) => {
                self.ready.remove(&(class, since, subject.clone()));
            }
            Some(Standing::Held(at)) => {
                self.held.remove(&(at, subject.clone()));
            }
            None => {}
        }
    }

    /// Makes ready what was held until now.
    pub(super) fn release(&mut self, now: Timestamp) {
        while let Some(entry) = self.held.first_entry().filter(|e| e.key().0 <= now) {
            let ((_, subject), (class, since, kind)) = entry.remove_entry();
            self.places.insert(subject.clone(), Standing::Ready(class, since));
            self.ready.insert((class, since, subject), kind);
        }
    }

    /// When something held becomes ready, at the earliest.
    pub(super) fn next_release(&self) -> Option<Timestamp> {
        self.held.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the most urgent entry, and up to `most(kind) - 1` further entries of the same kind.
    pub(super) fn take(&mut self, most: impl Fn(Kind) -> usize) -> Option<(Kind, Vec<Subject>)> {
        let kind = *self.ready.first_key_value()?.1;
        let same = self.ready.iter().filter(|(_, k)| **k == kind).map(|(place, _)| place.clone());
        let chosen: Vec<Place> = same.take(most(kind).max(1)).collect();
        let mut taken = Vec::with_capacity(chosen.len());
        for place in chosen {
            self.ready.remove(&place);
            let (_, _, subject) = place;
            self.places.remove(&subject);
            taken.push(subject);
        }
        Some((kind, taken))
    }

    /// Whether something can be served now.
    pub(super) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// How many entries are in memory, held ones included.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }
}
