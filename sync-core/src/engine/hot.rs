//! Pairs that were changed lately, in memory: whoever is changed again need not be read and parsed.

use std::collections::HashMap;
use std::sync::Arc;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::model::{Pair, PairId};

/// Most memory for those of which no call is under way, in bytes, about.
const HOT_BYTES: u64 = 4 * 1024 * 1024;

/// The pairs as they are in the store.
pub(super) struct Hot {
    /// Those of which a call is under way: they will be needed when it is answered.
    busy: HashMap<PairId, Arc<Pair>>,
    cache: Cache<PairId, Arc<Pair>>,
}

impl Hot {
    pub(super) fn new() -> Self {
        let weigh = |_: &PairId, pair: &Arc<Pair>| {
            u32::try_from(size_of::<Pair>() + pair.memory()).unwrap_or(u32::MAX)
        };
        // Those that were used last stay. The default would rather keep what was used often, and turn down a pair that is new.
        let cache = Cache::builder().max_capacity(HOT_BYTES).weigher(weigh);
        Self { busy: HashMap::new(), cache: cache.eviction_policy(EvictionPolicy::lru()).build() }
    }

    pub(super) fn get(&self, id: &PairId) -> Option<Arc<Pair>> {
        self.busy.get(id).cloned().or_else(|| self.cache.get(id))
    }

    /// Keeps a pair of which a call is under way, until that is over.
    pub(super) fn hold(&mut self, id: PairId, pair: Pair) {
        self.busy.insert(id, Arc::new(pair));
    }

    /// No call is under way for a pair, which has not changed.
    pub(super) fn release(&mut self, id: PairId) {
        if let Some(pair) = self.busy.remove(&id) {
            self.cache.insert(id, pair);
        }
    }

    pub(super) fn insert(&mut self, id: PairId, pair: Pair) {
        self.busy.remove(&id);
        self.cache.insert(id, Arc::new(pair));
    }

    pub(super) fn remove(&mut self, id: &PairId) {
        self.busy.remove(id);
        self.cache.invalidate(id);
    }
}
