//! When what waits will be done. Pure arithmetic over what waits, class by class, and what the budget allows.
//!
//! Classes are served in order, except that one call in ten may go to a less urgent one that has waited longer. So the
//! last of a class is done once all calls of its own and of more urgent classes have left, at nine tenths of the rate
//! or, if that is sooner, once everything has left.

use std::collections::BTreeMap;
use std::time::Duration;

use super::lanes::FLOOR;
use crate::model::Class;
use crate::quota::{Call, Supply};

/// What waits of one class.
#[derive(Debug, Clone, Default)]
pub(super) struct Load {
    /// Pairs and records.
    pub(super) subjects: u64,
    /// The calls they will take, by what for.
    pub(super) calls: Vec<(Call, u64)>,
    /// How long the first and the last of them have waited.
    pub(super) oldest: Duration,
    pub(super) newest: Duration,
}

/// How long until the last of each class is done.
pub(super) fn delays(loads: &BTreeMap<Class, Load>, supplies: &[Supply]) -> BTreeMap<Class, Duration> {
    let delay = |class: &Class| {
        let longest = supplies.iter().map(|supply| seconds(*class, loads, supply)).fold(0.0, f64::max);
        (*class, Duration::try_from_secs_f64(longest).unwrap_or(Duration::MAX))
    };
    loads.keys().map(delay).collect()
}

/// Whether all that waits can be done within `promise` of when it came, our own housekeeping apart.
///
/// Within a class whoever came first is done first, at least as long as all can be on time; so if the first and the last are on time,
/// those between them are.
pub(super) fn is_on_time(
    loads: &BTreeMap<Class, Load>,
    delays: &BTreeMap<Class, Duration>,
    promise: Duration,
) -> bool {
    let mut before = Duration::ZERO;
    loads.iter().filter(|(class, _)| **class != Class::Sweep).all(|(class, load)| {
        let first = load.oldest.saturating_add(before);
        before = delays.get(class).copied().unwrap_or_default();
        first <= promise && load.newest.saturating_add(before) <= promise
    })
}

/// Seconds until the last call of a class has left, as far as one window goes.
fn seconds(class: Class, loads: &BTreeMap<Class, Load>, supply: &Supply) -> f64 {
    let of = |load: &Load| {
        let counted = load.calls.iter().filter(|(call, _)| supply.only.is_none_or(|only| only == *call));
        counted.map(|(_, calls)| *calls as f64).sum::<f64>()
    };
    let mine: f64 = loads.range(..=class).map(|(_, load)| of(load)).sum();
    let all: f64 = loads.values().map(of).sum();
    let share = FLOOR as f64 / (FLOOR - 1) as f64;
    ((mine * share).min(all) - supply.room).max(0.0) / supply.rate
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;
    const PROMISE: Duration = Duration::from_secs(30);

    fn load(calls: u64) -> Load {
        Load { subjects: calls, calls: vec![(Call::Create, calls)], ..Load::default() }
    }

    fn supply(rate: f64) -> Supply {
        Supply { rate, room: 0.0, only: None }
    }

    #[test]
    fn do_ten_thousand_at_a_hundred_a_second_take_a_hundred_seconds() {
        let loads = BTreeMap::from([(Class::Import, load(10_000))]);
        let delays = delays(&loads, &[supply(100.0)]);
        assert_eq!(delays[&Class::Import], S(100));
        assert!(!is_on_time(&loads, &delays, PROMISE));
    }

    #[test]
    fn are_three_thousand_at_once_just_feasible() {
        for (calls, feasible) in [(3_000, true), (3_001, false)] {
            let loads = BTreeMap::from([(Class::New, load(calls))]);
            assert_eq!(is_on_time(&loads, &delays(&loads, &[supply(100.0)]), PROMISE), feasible, "{calls}");
        }
    }

    #[test]
    fn do_people_wait_little_longer_for_an_import() {
        let loads = BTreeMap::from([(Class::Edit, load(900)), (Class::Import, load(10_000))]);
        let delays = delays(&loads, &[supply(100.0)]);
        assert_eq!((delays[&Class::Edit], delays[&Class::Import]), (S(10), S(109)));
        // With little of it, the import is done before its tenth is used up.
        let loads = BTreeMap::from([(Class::Edit, load(900)), (Class::Import, load(10))]);
        assert_eq!(super::delays(&loads, &[supply(100.0)])[&Class::Edit], Duration::from_millis(9_100));
    }

    #[test]
    fn does_the_narrowest_window_decide_for_what_it_counts() {
        let mut edits = load(100);
        edits.calls = vec![(Call::Update, 100)];
        let loads = BTreeMap::from([(Class::Edit, edits), (Class::New, load(1_000))]);
        let creations = Supply { only: Some(Call::Create), ..supply(25.0) };
        let delays = delays(&loads, &[supply(110.0), creations]);
        assert_eq!(delays[&Class::New], S(40), "at 25 creations a second");
        assert!(delays[&Class::Edit] < S(2));
    }

    #[test]
    fn does_a_long_window_not_matter_while_it_has_room() {
        let loads = BTreeMap::from([(Class::Import, load(10_000))]);
        let day = |room: f64| Supply { room, ..supply(250_000.0 / 86_400.0) };
        assert_eq!(delays(&loads, &[supply(100.0), day(10_000.0)])[&Class::Import], S(100));
        assert_eq!(
            delays(&loads, &[supply(100.0), day(9_000.0)])[&Class::Import],
            Duration::from_millis(345_600)
        );
    }

    #[test]
    fn is_the_promise_lost_by_who_has_waited_too_long_however_soon_he_is_done() {
        let waited = |oldest, newest| BTreeMap::from([(Class::New, Load { oldest, newest, ..load(100) })]);
        let on_time = |loads: &_| is_on_time(loads, &delays(loads, &[supply(100.0)]), PROMISE);
        assert!(on_time(&waited(S(30), S(29))));
        assert!(!on_time(&waited(S(31), S(0))), "the first is late already");
        assert!(!on_time(&waited(S(30), S(30))), "the last will be");
        let housekeeping = BTreeMap::from([(Class::Sweep, Load { oldest: S(99), ..load(100_000) })]);
        assert!(on_time(&housekeeping));
    }
}
