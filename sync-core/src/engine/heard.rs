//! What was heard of lately.

use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::model::News;

/// The news last heard of, by fingerprint. What it forgets, also at a restart, does no harm when it is found again: news
/// may be repeated. But two changes within one tick of a coarse clock are told apart by what was heard first.
#[derive(Debug, Default)]
pub(super) struct Heard {
    known: HashSet<u64>,
    order: VecDeque<u64>,
}

impl Heard {
    /// Most fingerprints kept.
    const MOST: usize = 20_000;

    /// Notes news; gives whether it was not there.
    pub(super) fn note(&mut self, news: &News) -> bool {
        let mut hasher = DefaultHasher::new();
        news.hash(&mut hasher);
        let print = hasher.finish();
        let is_new = self.known.insert(print);
        if is_new {
            self.order.push_back(print);
        }
        if self.order.len() > Self::MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        is_new
    }
}
