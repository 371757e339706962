//! Finding the bad rows of a batch that failed as a whole. Pure.
//!
//! The batch is halved. If the left half turns out clean, the right half is known to hold the culprit, so it is halved
//! again without being tried: one bad row among 100 costs about 11 calls instead of 14.

use std::collections::VecDeque;

use crate::model::PairId;

/// Rows that must be tried together, and apart from all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) rows: Vec<PairId>,
    /// The other half of a batch that failed, not tried yet.
    sibling: Vec<PairId>,
}

/// The groups still to be tried.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    groups: VecDeque<Group>,
}

impl Suspects {
    /// The next group to try.
    pub(super) fn next(&mut self) -> Option<Group> {
        self.groups.pop_front()
    }

    /// A group could not be tried: it is tried again.
    pub(super) fn again(&mut self, group: Group) {
        self.groups.push_front(group);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Rows that failed together are to be tried apart. At least two rows.
    pub(super) fn split(&mut self, rows: &[PairId]) {
        let (left, right) = rows.split_at(rows.len() / 2);
        if !left.is_empty() && !right.is_empty() {
            self.groups.push_front(Group { rows: left.to_vec(), sibling: right.to_vec() });
        }
    }

    /// A group was clean: if its sibling is more than one row, the culprit in it is looked for without trying it whole.
    pub(super) fn clean(&mut self, group: &Group) {
        match group.sibling.len() {
            0 => {}
            1 => self.groups.push_front(Group { rows: group.sibling.clone(), sibling: Vec::new() }),
            _ => self.split(&group.sibling),
        }
    }

    /// A group held a culprit: nothing is known of its sibling, which is tried whole.
    pub(super) fn guilty(&mut self, group: &Group) {
        if !group.sibling.is_empty() {
            self.groups.push_front(Group { rows: group.sibling.clone(), sibling: Vec::new() });
        }
        if group.rows.len() > 1 {
            self.split(&group.rows);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Plays the search against a far side that refuses any group with a bad row; gives the bad rows found and the calls.
    fn search(n: usize, bad: &BTreeSet<usize>) -> (BTreeSet<usize>, BTreeSet<usize>, usize) {
        let name = |i: usize| PairId::new(format!("{i}"));
        let rows: Vec<_> = (0..n).map(name).collect();
        let is_bad = |rows: &[PairId]| rows.iter().any(|r| bad.iter().any(|b| name(*b) == *r));
        let number = |r: &PairId| r.as_str().parse::<usize>().unwrap();
        let (mut found, mut applied, mut calls) = (BTreeSet::new(), BTreeSet::new(), 1);
        let mut suspects = Suspects::default();
        if !is_bad(&rows) {
            return (found, rows.iter().map(number).collect(), calls);
        }
        suspects.split(&rows);
        while let Some(group) = suspects.next() {
            calls += 1;
            if is_bad(&group.rows) {
                if group.rows.len() == 1 {
                    found.insert(number(&group.rows[0]));
                }
                suspects.guilty(&group);
            } else {
                applied.extend(group.rows.iter().map(number));
                suspects.clean(&group);
            }
        }
        (found, applied, calls)
    }

    proptest! {
        #[test]
        fn does_it_find_all_bad_rows_and_apply_all_others(
            n in 2_usize..101,
            bad in proptest::collection::btree_set(0_usize..100, 0..6),
        ) {
            let bad: BTreeSet<_> = bad.into_iter().filter(|b| *b < n).collect();
            let (found, applied, _) = search(n, &bad);
            prop_assert_eq!(&found, &bad);
            prop_assert_eq!(applied, (0..n).filter(|i| !bad.contains(i)).collect());
        }
    }

    #[test]
    fn does_one_bad_row_among_a_hundred_cost_at_most_fifteen_calls() {
        let calls: Vec<_> = (0..100).map(|bad| search(100, &BTreeSet::from([bad])).2).collect();
        assert!(calls.iter().all(|c| *c <= 15), "{calls:?}");
    }
}
