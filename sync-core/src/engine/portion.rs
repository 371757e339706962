//! How many rows to put into a call where one bad row fails them all. Pure.
//!
//! While one row in a hundred is bad, a full batch that is [halved](super::bisect) is the cheapest; while one in three is,
//! every row alone. In between the best batch is one that is as likely clean as not: `ln 2 / p` rows, if a row is bad with
//! probability `p`. That costs no more than 6 % above the best size there is. (The square root of `1 / p`, which is best when
//! a bad batch is taken apart row by row, costs up to twice as much here.)

use std::f64::consts::LN_2;

use super::lanes::Kind;
use crate::connector::{Description, Error, Receipt};

/// How many of the last rows count, roughly. So many good ones make up for the bad.
const MEMORY: f64 = 200.0;
/// Above this rate no row has company.
const ALONE: f64 = 0.3;

/// How often rows are bad, the latest above all.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct BadRows {
    rate: f64,
}

impl BadRows {
    /// Learns from how a row went.
    pub(super) fn hear(&mut self, result: &Result<Receipt, Error>) {
        match result {
            Ok(_) => self.note(false),
            Err(Error::Refused { .. } | Error::Exists { .. }) => self.note(true),
            // Nobody knows yet.
            Err(_) => {}
        }
    }

    /// How many entries of this kind are to share a call.
    pub(super) fn batch(self, kind: Kind, description: &Description) -> usize {
        let most = kind.batch(description);
        if kind.is_write() && !description.row_level { self.portion(most) } else { most }
    }

    fn note(&mut self, bad: bool) {
        self.rate += (f64::from(u8::from(bad)) - self.rate) / MEMORY;
    }

    /// The batch that costs the fewest calls a row, at most `most`.
    fn portion(self, most: usize) -> usize {
        if self.rate > ALONE {
            return 1;
        }
        // While nothing is bad this is as large as can be.
        let best = (LN_2 / self.rate).round() as usize;
        best.clamp(1, most.max(1))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rated(rate: f64) -> BadRows {
        BadRows { rate }
    }

    /// The calls that a row costs on average, in batches of `n` that are halved when one row in `1 / p` is bad.
    fn calls_a_row(n: usize, p: f64) -> f64 {
        let clean = |n: usize| (1.0 - p).powi(i32::try_from(n).unwrap());
        // From one row on: for a batch of which nothing is known, and for one that failed.
        let (mut untried, mut failed) = (vec![0.0, 1.0], vec![0.0, 0.0]);
        for n in 2..=n {
            let (left, right) = (n / 2, n - n / 2);
            let guilty = (1.0 - clean(left)) / (1.0 - clean(n));
            let inferred = if right == 1 { 1.0 } else { failed[right] };
            let next = 1.0 + guilty * (failed[left] + untried[right]) + (1.0 - guilty) * inferred;
            failed.push(next);
            untried.push(1.0 + (1.0 - clean(n)) * next);
        }
        untried[n] / n as f64
    }

    #[test]
    fn is_the_batch_as_large_as_the_rate_of_bad_rows_allows() {
        let table = [
            (0.0, 100),
            (0.001, 100),
            (0.01, 69),
            (0.05, 14),
            (0.1, 7),
            (0.2, 3),
            (0.3, 2),
            (0.31, 1),
            (1.0, 1),
        ];
        for (rate, size) in table {
            assert_eq!(rated(rate).portion(100), size, "{rate}");
        }
        assert_eq!((rated(0.0).portion(0), rated(0.0).portion(5)), (1, 5));
    }

    proptest! {
        #[test]
        fn does_a_row_cost_hardly_more_than_in_the_best_of_all_sizes(rate in 0.0001_f64..1.0) {
            let best = (1..=100).map(|n| calls_a_row(n, rate)).fold(f64::INFINITY, f64::min);
            let ours = calls_a_row(rated(rate).portion(100), rate);
            prop_assert!(ours <= best * 1.06, "{ours} calls a row, {best} at best");
            prop_assert!(ours <= 1.02, "never worse than every row alone");
        }
    }

    #[test]
    fn does_it_learn_within_a_few_hundred_rows_and_forget_again() {
        let mut rows = BadRows::default();
        (0..400).for_each(|n| rows.note(n % 2 == 0));
        assert_eq!(rows.portion(100), 1);
        (0..1_000).for_each(|_| rows.note(false));
        assert_eq!(rows.portion(100), 100);
    }
}
