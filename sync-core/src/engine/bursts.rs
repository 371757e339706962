//! How urgent is news of a record that nobody knows? Telling an import by its shape: people do not make twenty records
//! within a second. Pure.

use std::collections::BTreeMap;

use crate::model::{Author, Class, News, Timestamp};

/// Most new records of one side within one second that may be the work of people.
const MOST: u32 = 20;
/// Seconds remembered. News of one second may arrive a while after news of the next.
const SECONDS: usize = 64;

/// How many new records one side told of, second by second of its own clock.
#[derive(Debug, Default)]
pub(super) struct Bursts {
    seconds: BTreeMap<i64, u32>,
}

impl Bursts {
    /// How urgent a record that nobody knows is, by the first we hear of it. It is new, whatever the news says.
    pub(super) fn classify(&mut self, news: &News) -> Class {
        match news {
            News::Changed { author: Author::Us(_), class, .. } => (*class).max(Class::New),
            News::Changed { at, class, .. } if self.is_import(*at) => (*class).max(Class::Import),
            News::Changed { class, .. } => (*class).max(Class::New),
            _ => Class::Edit,
        }
    }

    /// Counts a new record, made at `at`. Whether there are now too many in its second for anything but an import.
    pub(super) fn is_import(&mut self, at: Timestamp) -> bool {
        let count = self.seconds.entry(at.as_secs()).or_default();
        *count = count.saturating_add(1);
        let import = *count > MOST;
        if self.seconds.len() > SECONDS {
            self.seconds.pop_first();
        }
        import
    }
}

/// How urgent it is once more is heard of it. One creation is often told in several pieces, only some of which say that
/// they are of an import; but a purchase does not wait for an import.
pub(super) fn together(class: Class, news: &News) -> Class {
    match (class, news) {
        (Class::New, News::Changed { class: Class::Import, .. }) => Class::Import,
        (Class::Sweep, News::Changed { class, .. }) => (*class).max(Class::New),
        (class, News::Changed { .. }) => class,
        _ => Class::Edit,
    }
}

#[cfg(test)]
mod tests {
    use crate::model::{Activity, RecordId};

    use super::*;

    fn changed(class: Class) -> News {
        let id = RecordId::new("1");
        News::Changed { id, at: Timestamp::from_secs(1), author: Author::Other, class, property: None }
    }

    #[test]
    fn is_a_creation_told_in_pieces_of_one_class_in_any_order() {
        let (create, property) = (changed(Class::New), changed(Class::Edit));
        assert_eq!(Bursts::default().classify(&property), Class::New, "nobody edits what is not known");
        assert_eq!(together(Class::Import, &property), Class::Import);
        assert_eq!(together(Class::Import, &create), Class::Import);
        assert_eq!(together(Class::New, &changed(Class::Import)), Class::Import);
        assert_eq!(together(Class::Sweep, &property), Class::New);
    }

    #[test]
    fn does_a_purchase_not_wait_for_an_import() {
        let activity = Activity { id: "p".into(), at: Timestamp::EPOCH, details: BTreeMap::new() };
        let purchase = News::Happened { id: None, match_value: None, activity };
        assert_eq!(Bursts::default().classify(&purchase), Class::Edit);
        assert_eq!(together(Class::Import, &purchase), Class::Edit);
        assert_eq!(together(Class::Edit, &changed(Class::Import)), Class::Edit);
    }

    #[test]
    fn is_what_comes_after_the_twentieth_of_a_second_an_import() {
        let mut bursts = Bursts::default();
        let found: Vec<bool> =
            (0..50).map(|i| bursts.is_import(Timestamp::from_millis(5_000 + 20 * i))).collect();
        assert_eq!(found.iter().position(|import| *import), Some(20));
        assert!(found[20..].iter().all(|import| *import));
        assert!(!bursts.is_import(Timestamp::from_secs(6)), "the next second begins anew");
        assert!(bursts.is_import(Timestamp::from_secs(5)), "also when it arrives late");
    }

    #[test]
    fn do_people_at_their_busiest_stay_people() {
        // A hundred a minute, twice as many as usual in some seconds.
        let mut bursts = Bursts::default();
        assert!((0..600).all(|i| !bursts.is_import(Timestamp::from_millis(600 * i))));
    }

    #[test]
    fn is_no_more_than_a_minute_remembered() {
        let mut bursts = Bursts::default();
        for second in 0..10_000 {
            bursts.is_import(Timestamp::from_secs(second));
        }
        assert!(bursts.seconds.len() <= SECONDS);
    }
}
