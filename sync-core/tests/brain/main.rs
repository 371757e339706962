//! Does the brain alone, without any shell, keep its promises whatever happens in whatever order?
//!
//! Two toy systems with clocks and resolutions of their own (`toys`), people who edit, webhooks that are delayed, repeated
//! and reordered, writes that succeed, fail, or succeed without an answer. The toys know the truth, and judge.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod toys;

use proptest::prelude::*;
use sync_core::decide::{Heard, Observation, Over, Source, observe};
use sync_core::model::{Author, By, ByField, Edit, Pair, PairId, Said, Side, Timestamp, Value};

use toys::{FIELDS, World, id, policy};

/// One step of a scenario. Plain data, so that a failing scenario shrinks to its essence.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// A person sets a field (`true`) or clears it.
    Edit { left: bool, field: usize, set: bool },
    /// Time passes.
    Wait(u16),
    /// One of the webhooks under way arrives; perhaps it will arrive again.
    Deliver { which: usize, again: bool },
    /// The next planned step begins, if none is under way.
    Begin,
    /// The call under way takes effect at the far side.
    Land,
    /// Its answer arrives (`true`) or is lost.
    Answer(bool),
    /// The call is refused before it has any effect.
    Fail,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (any::<bool>(), 0..2_usize, prop::bool::weighted(0.8))
            .prop_map(|(left, field, set)| Step::Edit { left, field, set }),
        2 => (0..1500_u16).prop_map(Step::Wait),
        5 => (0..8_usize, prop::bool::weighted(0.2)).prop_map(|(which, again)| Step::Deliver { which, again }),
        4 => Just(Step::Begin),
        4 => Just(Step::Land),
        4 => prop::bool::weighted(0.8).prop_map(Step::Answer),
        1 => Just(Step::Fail),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn do_the_sides_agree_on_a_last_word_whatever_happens(
        skew in -5_000..5_000_i64,
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut world = World::new(skew);
        for step in &steps {
            world.step(step);
        }
        world.heal();
        world.judge()?;
        let (writes, pair) = (world.writes, world.pair.clone());
        world.heal();
        prop_assert_eq!(world.writes, writes, "P6: a quiet system writes nothing");
        prop_assert_eq!(world.pair, pair);
    }

    #[test]
    fn is_a_replay_of_everything_without_effect(steps in prop::collection::vec(step(), 1..40)) {
        let mut world = World::new(0);
        let mut all = Vec::new();
        for step in &steps {
            // No two edits in one tick: replayed, they would be as undecidable as they were at first, and be read again.
            world.now += 1_000;
            world.step(step);
            all.extend(world.mail.iter().cloned());
        }
        world.heal();
        let writes = world.writes;
        for (side, mail) in &all {
            world.hear(*side, mail);
        }
        world.heal();
        world.judge()?;
        prop_assert_eq!(world.writes, writes, "P2: a replay writes nothing");
    }

    #[test]
    fn does_the_order_of_news_not_matter(
        edits in prop::collection::vec((0..6_i64, 0..4_u8, any::<bool>()), 1..8),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..16),
    ) {
        let news: Vec<_> = edits.iter().map(|(at, value, ours)| {
            let author = if *ours { Author::Us(None) } else { Author::Other };
            let value = Value::new(format!("{value}"));
            let edit = Edit { value: value.clone(), at: Timestamp::from_secs(*at), author };
            let heard = Heard { value, edits: vec![edit], over: Over::Untold };
            Observation {
                id: id(Side::Right),
                at: Timestamp::from_secs(*at),
                source: Source::Event,
                fields: ByField::from([(FIELDS[0].clone(), heard)]),
            }
        }).collect();
        let policy = policy();
        let fold = |news: &mut dyn Iterator<Item = &Observation>| {
            let mut pair = Pair::new(PairId::new("p"));
            for seen in news {
                observe(&mut pair, &policy, Side::Right, seen);
            }
            pair.present(Side::Right).and_then(|p| p.fields.get(&FIELDS[0]).cloned()).map(|s| (s.said(), s.at, s.by))
        };
        let forward = fold(&mut news.iter());
        // Any order, with any repetitions, as long as everything arrives once.
        let mut shuffled: Vec<_> = order.iter().map(|i| i.get(&news)).collect();
        shuffled.extend(news.iter().rev());
        let shuffled = fold(&mut shuffled.into_iter());
        let settled = |s: &Option<(Option<Said>, Timestamp, By)>| s.clone();
        prop_assert_eq!(settled(&forward), settled(&shuffled));
    }
}
