//! Pairs that were changed lately, in memory: whoever is changed again need not be read and parsed.

use std::sync::Arc;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::model::{Pair, PairId};

/// Most memory for them, in bytes, about.
const HOT_BYTES: u64 = 3 * 1024 * 1024;

/// The pairs as they are in the store.
pub(super) struct Hot(Cache<PairId, (Arc<Pair>, usize)>);

impl Hot {
    pub(super) fn new() -> Self {
        // A pair takes a quarter more memory than its row, measured with ten thousand pairs.
        let weigh = |_: &PairId, (_, row): &(Arc<Pair>, usize)| {
            u32::try_from(row.saturating_add(row / 4)).unwrap_or(u32::MAX)
        };
        // Those that were used last stay: a call is made and answered soon after it was planned. The default would rather keep
        // what was used often, and turn down a pair that is new.
        let cache = Cache::builder().max_capacity(HOT_BYTES).weigher(weigh);
        Self(cache.eviction_policy(EvictionPolicy::lru()).build())
    }

    pub(super) fn get(&self, id: &PairId) -> Option<Arc<Pair>> {
        self.0.get(id).map(|(pair, _)| pair)
    }

    /// `row`: how long its row is, in bytes.
    pub(super) fn insert(&self, id: PairId, pair: Pair, row: usize) {
        self.0.insert(id, (Arc::new(pair), row));
    }

    pub(super) fn remove(&self, id: &PairId) {
        self.0.invalidate(id);
    }
}
