//! The queue of work of one side: urgent first, then oldest first. Pure data.
//!
//! The queue holds at most [`Lane::CAPACITY`] entries in memory; the rest stay in the journal's `due` table, from which
//! the queue is filled again when it runs low. What is in the journal only is always the least urgent.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::connector::Description;
use crate::model::{Class, PairId, RecordId, Timestamp};
use crate::quota::Call;

/// What an entry is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Subject {
    /// A pair has a step to take.
    Pair(PairId),
    /// A record nobody knows must be read to find out whose it is.
    Record(RecordId),
}

/// The kind of call the next step needs. Entries of one kind can share a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Read,
    Find,
    Create,
    Update,
    Emit,
    /// An update that does nothing but name a twin. Apart from the others: should it be refused, they do not suffer.
    Link,
}

impl Kind {
    /// The kind of call that serves it.
    pub(super) const fn call(self) -> Call {
        match self {
            Self::Read => Call::Read,
            Self::Find => Call::Find,
            Self::Create => Call::Create,
            Self::Update | Self::Link => Call::Update,
            Self::Emit => Call::Emit,
        }
    }

    /// How many entries of this kind can share a call.
    pub(super) const fn batch(self, description: &Description) -> usize {
        match self {
            Self::Read => description.read_batch,
            Self::Find => 1,
            Self::Create | Self::Update => description.write_batch,
            Self::Emit => description.emit_batch,
            Self::Link => description.link_batch,
        }
    }

    /// Whether calls of this kind change something at the far side.
    pub(super) const fn is_write(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Emit | Self::Link)
    }
}

/// How urgent, and since when.
pub(super) type Rank = (Class, Timestamp);

/// Entries of one class and kind, oldest first.
type Queue = BTreeSet<(Timestamp, Subject)>;

/// One turn in so many goes to the entry that has waited longest, whatever its class.
pub(super) const FLOOR: u64 = 10;

#[derive(Debug, Default)]
pub(super) struct Lane {
    ready: BTreeMap<(Class, Kind), Queue>,
    /// Entries whose time has not come.
    held: BTreeMap<(Timestamp, Subject), (Class, Kind, Timestamp)>,
    /// Where each subject stands.
    places: HashMap<Subject, Standing>,
    /// Turns taken so far.
    turns: u64,
    /// Some entries did not fit and wait in the journal.
    pub(super) spilled: bool,
}

/// Entries of one class and kind, all together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiting {
    pub(super) count: u64,
    pub(super) oldest: Timestamp,
    pub(super) newest: Timestamp,
}

#[derive(Debug, Clone)]
enum Standing {
    Ready(Class, Kind, Timestamp),
    Held(Timestamp),
}

impl Lane {
    /// Most entries held in memory.
    pub(super) const CAPACITY: usize = 20_000;

    /// Files a subject, not to be served before `not_before`. An earlier entry of the subject is replaced. When the lane
    /// is full, the least urgent entry is left to the journal.
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
            if !self.make_room((class, since)) {
                return;
            }
        }
        let standing = match not_before {
            Some(at) => {
                self.held.insert((at, subject.clone()), (class, kind, since));
                Standing::Held(at)
            }
            None => {
                self.ready.entry((class, kind)).or_default().insert((since, subject.clone()));
                Standing::Ready(class, kind, since)
            }
        };
        self.places.insert(subject, standing);
    }

    /// Takes a subject out.
    pub(super) fn remove(&mut self, subject: &Subject) {
        match self.places.remove(subject) {
            Some(Standing::Ready(class, kind, since)) => {
                if let Some(queue) = self.ready.get_mut(&(class, kind)) {
                    queue.remove(&(since, subject.clone()));
                    if queue.is_empty() {
                        self.ready.remove(&(class, kind));
                    }
                }
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
            let ((_, subject), (class, kind, since)) = entry.remove_entry();
            self.places.insert(subject.clone(), Standing::Ready(class, kind, since));
            self.ready.entry((class, kind)).or_default().insert((since, subject));
        }
    }

    /// When something held becomes ready, at the earliest.
    pub(super) fn next_release(&self) -> Option<Timestamp> {
        self.held.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the next entry in turn, and up to `most(kind) - 1` further entries of the same kind.
    ///
    /// Entries whose kind is not `open` are passed over.
    ///
    /// The next is the oldest of the most urgent class, but those that wait since before `late` come after the others of
    /// their class. Every tenth turn is that of the entry that has waited longest of all: so nobody waits for ever,
    /// however much of something more urgent comes.
    pub(super) fn take(
        &mut self,
        late: Timestamp,
        open: impl Fn(Kind) -> bool,
        most: impl Fn(Kind) -> usize,
    ) -> Option<(Kind, Vec<Subject>)> {
        let for_the_oldest = (self.turns + 1).is_multiple_of(FLOOR);
        let late = if for_the_oldest { NEVER } else { late };
        let in_turn = |((class, _), queue): &(&(Class, Kind), &Queue)| {
            let first = in_order(queue, late).next().cloned();
            let class = (!for_the_oldest).then_some(*class);
            (class, first.as_ref().is_some_and(|(since, _)| *since < late), first)
        };
        let (chosen, _) = self.ready.iter().filter(|((_, kind), _)| open(*kind)).min_by_key(in_turn)?;
        let kind = chosen.1;
        let others = self.ready.keys().filter(|key| key.1 == kind && *key != chosen);
        let queues = std::iter::once(chosen).chain(others).filter_map(|key| self.ready.get(key));
        let subjects = queues.flat_map(|queue| in_order(queue, late)).map(|(_, subject)| subject.clone());
        let taken: Vec<Subject> = subjects.take(most(kind).max(1)).collect();
        for subject in &taken {
            self.remove(subject);
        }
        self.turns += 1;
        Some((kind, taken))
    }

    /// Whether something can be served now.
    pub(super) fn is_ready(&self, open: impl Fn(Kind) -> bool) -> bool {
        self.ready.keys().any(|(_, kind)| open(*kind))
    }

    /// How many entries of our own housekeeping can be served, and since when the first waits.
    pub(super) fn chores(&self, kind: Kind) -> Option<(usize, Timestamp)> {
        let queue = self.ready.get(&(Class::Sweep, kind))?;
        queue.first().map(|(oldest, _)| (queue.len(), *oldest))
    }

    /// What waits, by class and kind, held entries included: how many, and since when the first and the last.
    pub(super) fn waiting(&self) -> BTreeMap<(Class, Kind), Waiting> {
        let mut waiting: BTreeMap<(Class, Kind), Waiting> = BTreeMap::new();
        for (key, queue) in &self.ready {
            if let (Some((oldest, _)), Some((newest, _))) = (queue.first(), queue.last()) {
                let count = queue.len() as u64;
                waiting.insert(*key, Waiting { count, oldest: *oldest, newest: *newest });
            }
        }
        for (class, kind, since) in self.held.values() {
            let all = waiting.entry((*class, *kind)).or_insert(Waiting {
                count: 0,
                oldest: *since,
                newest: *since,
            });
            all.count += 1;
            (all.oldest, all.newest) = (all.oldest.min(*since), all.newest.max(*since));
        }
        waiting
    }

    /// How many entries are in memory, held ones included.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Leaves the last in line to the journal, if it is less urgent than the newcomer. Only pairs are in the journal.
    fn make_room(&mut self, newcomer: Rank) -> bool {
        let last_pair = |queue: &Queue| queue.iter().rfind(|(_, s)| matches!(s, Subject::Pair(_))).cloned();
        let last =
            self.ready.iter().filter_map(|((class, _), queue)| Some((*class, last_pair(queue)?))).max();
        match last {
            Some((class, (since, subject))) if (class, since) > newcomer => {
                self.remove(&subject);
                true
            }
            _ => false,
        }
    }
}

/// Before every time there is.
pub(super) const NEVER: Timestamp = Timestamp::from_millis(i64::MIN);

/// Those on time, oldest first, then those that are late.
fn in_order(queue: &Queue, late: Timestamp) -> impl Iterator<Item = &(Timestamp, Subject)> {
    let edge = (late, Subject::Pair(PairId::new("")));
    queue.range(edge.clone()..).chain(queue.range(..edge))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASSES: [Class; 4] = [Class::Edit, Class::New, Class::Import, Class::Sweep];

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    fn pair(name: &str) -> Subject {
        Subject::Pair(PairId::new(name))
    }

    fn create(lane: &mut Lane, name: &str, class: Class, since: i64) {
        lane.file(pair(name), Kind::Create, (class, at(since)), None);
    }

    /// The next `turns` turns, one entry each.
    fn served(lane: &mut Lane, late: Timestamp, turns: usize) -> Vec<String> {
        let turn = |_| match lane.take(late, |_| true, |_| 1)?.1.pop()? {
            Subject::Pair(id) => Some(id.as_str().to_owned()),
            Subject::Record(id) => Some(id.as_str().to_owned()),
        };
        (0..turns).filter_map(turn).collect()
    }

    #[test]
    fn is_the_most_urgent_class_served_first_and_the_oldest_of_it() {
        let mut lane = Lane::default();
        for class in CLASSES.into_iter().rev() {
            for since in [2, 1] {
                create(&mut lane, &format!("{class:?} {since}"), class, since);
            }
        }
        let order = served(&mut lane, NEVER, 9);
        let expected = ["Edit 1", "Edit 2", "New 1", "New 2", "Import 1", "Import 2", "Sweep 1", "Sweep 2"];
        assert_eq!(order, expected);
        assert!(!lane.is_ready(|_| true));
    }

    #[test]
    fn does_every_class_get_its_tenth_turn_under_a_flood_of_edits() {
        let mut lane = Lane::default();
        for i in 0..100 {
            create(&mut lane, &format!("edit {i}"), Class::Edit, 100 + i);
        }
        create(&mut lane, "sweep", Class::Sweep, 3);
        create(&mut lane, "import b", Class::Import, 2);
        create(&mut lane, "import a", Class::Import, 1);
        let order = served(&mut lane, NEVER, 100);
        let place = |name: &str| order.iter().position(|n| n == name).unwrap() + 1;
        assert_eq!((place("import a"), place("import b"), place("sweep")), (10, 20, 30));
        assert_eq!(order.last().unwrap(), "edit 96", "the others are served in order");
    }

    #[test]
    fn do_those_who_can_still_be_on_time_go_before_those_who_cannot() {
        let mut lane = Lane::default();
        for since in [10, 20, 30, 40] {
            create(&mut lane, &format!("{since}"), Class::New, since);
        }
        create(&mut lane, "edit", Class::Edit, 15);
        assert_eq!(served(&mut lane, at(30), 5), ["edit", "30", "40", "10", "20"]);
    }

    #[test]
    fn does_one_who_is_late_get_a_turn_while_others_keep_coming_on_time() {
        let mut lane = Lane::default();
        create(&mut lane, "late", Class::New, 0);
        for i in 0..20 {
            create(&mut lane, &format!("{i}"), Class::New, 100 + i);
        }
        assert_eq!(served(&mut lane, at(50), 10).pop().unwrap(), "late");
    }

    #[test]
    fn is_a_call_filled_from_all_classes_of_its_kind() {
        let mut lane = Lane::default();
        create(&mut lane, "import", Class::Import, 1);
        create(&mut lane, "new", Class::New, 2);
        lane.file(pair("update"), Kind::Update, (Class::Sweep, at(0)), None);
        assert_eq!(lane.take(NEVER, |_| true, |_| 10).unwrap().1, [pair("new"), pair("import")]);
        assert_eq!(lane.take(NEVER, |_| true, |_| 10).unwrap().1, [pair("update")]);
        assert_eq!(lane.len(), 0);
    }

    #[test]
    fn is_a_kind_passed_over_while_its_own_window_is_full() {
        let mut lane = Lane::default();
        create(&mut lane, "create", Class::Edit, 1);
        lane.file(pair("update"), Kind::Update, (Class::Sweep, at(2)), None);
        let open = |kind| kind != Kind::Create;
        assert_eq!(lane.take(NEVER, open, |_| 10).unwrap().1, [pair("update")]);
        assert!(lane.is_ready(|_| true) && !lane.is_ready(open));
        assert_eq!(lane.take(NEVER, open, |_| 10), None);
        assert_eq!(lane.take(NEVER, |_| true, |_| 10).unwrap().1, [pair("create")]);
    }

    #[test]
    fn does_an_edit_find_room_in_a_lane_full_of_imports() {
        let mut lane = Lane::default();
        for i in 0..Lane::CAPACITY {
            create(&mut lane, &format!("{i}"), Class::Import, i64::try_from(i).unwrap());
        }
        create(&mut lane, "edit", Class::Edit, 1_000_000);
        create(&mut lane, "later import", Class::Import, 1_000_000);
        assert!(lane.spilled, "those who did not fit are known to be in the journal");
        assert_eq!(lane.len(), Lane::CAPACITY);
        assert_eq!(served(&mut lane, NEVER, 2), ["edit", "0"]);
        let last = (Lane::CAPACITY - 1).to_string();
        assert!(!served(&mut lane, NEVER, Lane::CAPACITY).contains(&last), "the last import made room");
    }
}
