//! Pairs that were changed lately, in memory: whoever is changed again need not be read and parsed.

use std::sync::{Arc, Mutex, PoisonError};

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::model::{Pair, PairId};

/// Most memory for them, in bytes, about.
const HOT_BYTES: u64 = 4 * 1024 * 1024;

/// The pairs as they are in the store.
pub(super) struct Hot(Cache<PairId, Arc<Place>>);

/// A pair's place among them. To exchange what is in it costs far less than to give it another.
pub(super) struct Place {
    pair: Mutex<Arc<Pair>>,
    /// The memory it counts for, in bytes.
    weight: u32,
}

impl Hot {
    pub(super) fn new() -> Self {
        // Those that were used last stay. The default would rather keep what was used often, and turn down a pair that is new.
        let cache = Cache::builder().max_capacity(HOT_BYTES).weigher(|_, place: &Arc<Place>| place.weight);
        Self(cache.eviction_policy(EvictionPolicy::lru()).build())
    }

    pub(super) fn get(&self, id: &PairId) -> Option<Arc<Place>> {
        self.0.get(id)
    }

    /// Stores a pair as it is now, in the `place` it had, if it had one.
    pub(super) fn put(&self, id: PairId, place: Option<&Place>, pair: Pair) {
        let bytes = pair.memory();
        let pair = Arc::new(pair);
        match place {
            Some(place) if place.suits(bytes) => *place.lock() = pair,
            _ => {
                let weight = u32::try_from(bytes).unwrap_or(u32::MAX);
                self.0.insert(id, Arc::new(Place { pair: Mutex::new(pair), weight }));
            }
        }
    }

    pub(super) fn remove(&self, id: &PairId) {
        self.0.invalidate(id);
    }
}

impl Place {
    pub(super) fn pair(&self) -> Arc<Pair> {
        Arc::clone(&self.lock())
    }

    /// Whether a pair of this size, in bytes, need not be weighed anew.
    fn suits(&self, bytes: usize) -> bool {
        let weight = self.weight as usize;
        (weight / 2..=weight * 3 / 2).contains(&bytes)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Arc<Pair>> {
        self.pair.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
