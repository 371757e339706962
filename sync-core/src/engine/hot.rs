//! Pairs that were changed lately, in memory: whoever is changed again need not be read and parsed.

use std::sync::Arc;

use lru::LruCache;

use crate::model::{Pair, PairId};

/// Most memory for them, in bytes, about.
const HOT_BYTES: usize = 3 * 1024 * 1024;

/// The pairs as they are in the store. Those that were used last stay: a call is made and answered soon after it was planned.
pub(super) struct Hot {
    pairs: LruCache<PairId, (Arc<Pair>, usize)>,
    bytes: usize,
}

impl Hot {
    pub(super) fn new() -> Self {
        Self { pairs: LruCache::unbounded(), bytes: 0 }
    }

    pub(super) fn get(&mut self, id: &PairId) -> Option<Arc<Pair>> {
        self.pairs.get(id).map(|(pair, _)| Arc::clone(pair))
    }

    /// `row`: how long its row is, in bytes. The pair takes a quarter more, measured with ten thousand pairs.
    pub(super) fn insert(&mut self, id: PairId, pair: Pair, row: usize) {
        self.remove(&id);
        let bytes = row + row / 4;
        self.bytes += bytes;
        self.pairs.put(id, (Arc::new(pair), bytes));
        while self.bytes > HOT_BYTES {
            let Some((_, (_, bytes))) = self.pairs.pop_lru() else { break };
            self.bytes -= bytes;
        }
    }

    pub(super) fn remove(&mut self, id: &PairId) {
        if let Some((_, bytes)) = self.pairs.pop(id) {
            self.bytes -= bytes;
        }
    }
}
