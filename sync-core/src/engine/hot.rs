//! Pairs that were changed lately, in memory: whoever is changed again need not be read and parsed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::model::{Pair, PairId};

/// Most memory for them, in bytes, about.
const HOT_BYTES: u64 = 4 * 1024 * 1024;

/// As many activities, each of some hundred bytes, are not worth weighing.
const FEW: usize = 4;

/// The pairs as they are in the store.
pub(super) struct Hot(Cache<PairId, Arc<Place>>);

/// A pair's place among them. To exchange what is in it costs far less than to give it another.
pub(super) struct Place(Mutex<Arc<Pair>>);

impl Hot {
    pub(super) fn new() -> Self {
        let weigh = |_: &PairId, place: &Arc<Place>| u32::try_from(place.pair().memory()).unwrap_or(u32::MAX);
        // Those that were used last stay. The default would rather keep what was used often, and turn down a pair that is new.
        let cache = Cache::builder().max_capacity(HOT_BYTES).weigher(weigh);
        Self(cache.eviction_policy(EvictionPolicy::lru()).build())
    }

    pub(super) fn get(&self, id: &PairId) -> Option<Arc<Place>> {
        self.0.get(id)
    }

    /// Stores a pair as it is now, in the `place` it had, if it had one.
    pub(super) fn put(&self, id: PairId, place: Option<&Place>, pair: Pair) {
        let pair = Arc::new(pair);
        match place {
            Some(place) if is_as_heavy(&place.pair(), &pair) => *place.lock() = pair,
            _ => self.0.insert(id, Arc::new(Place(Mutex::new(pair)))),
        }
    }

    pub(super) fn remove(&self, id: &PairId) {
        self.0.invalidate(id);
    }
}

/// Whether a pair need not be weighed anew: the same is believed, and a few activities make no difference.
fn is_as_heavy(before: &Pair, now: &Pair) -> bool {
    before.activities.len().max(now.activities.len()) <= FEW && before.believes_as(now)
}

impl Place {
    pub(super) fn pair(&self) -> Arc<Pair> {
        Arc::clone(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Pair>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
